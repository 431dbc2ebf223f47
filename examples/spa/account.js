// The account of the user who is logged in.
import { api, auth, storage } from './client.js'
import { element, onSubmit, resetForm } from './forms.js'
import { textOf } from './messages.js'
import { say, show, shown } from './views.js'

const names = { memory: 'this page', local: 'local storage', cookie: 'cookies', dpop: 'DPoP' }
const byId = (id) => document.getElementById(id)

/** Shows the account, and keeps what is being typed. */
export function showAccount(user) {
  byId('account-email').textContent = user.email
  byId('account-state').textContent = user.email_verified ? 'confirmed' : 'not confirmed'
  byId('account-state').classList.toggle('good', user.email_verified)
  byId('account-storage').textContent = names[storage]
  document.forms['verify-again'].hidden = user.email_verified
  document.forms.password.elements.username.value = user.email
  if (shown !== 'account') {
    document.forms.name.elements.name.value = user.name ?? ''
    byId('called').replaceChildren()
    history.replaceState(null, '', '/')
  }
  show('account')
}

/** Reads the claims of the token, as an app would call its own API. */
async function call() {
  const response = await auth.fetch(`${api}/claims`)
  const body = await response.json()
  if (!response.ok) throw Object.assign(new Error(body.title), { code: body.code, problem: body })
  const claims = element('pre', { textContent: JSON.stringify(body, null, 2), tabIndex: 0 })
  claims.setAttribute('aria-label', 'Claims')
  claims.setAttribute('role', 'region')
  return [element('p', { textContent: `Status ${response.status}` }), claims]
}

/** Calls a function by a button that is in no form. */
function onClick(id, act) {
  byId(id).addEventListener('click', async ({ currentTarget }) => {
    if (currentTarget.ariaBusy === 'true') return
    currentTarget.ariaBusy = 'true'
    try {
      await act()
    } catch (error) {
      say(textOf(error))
    } finally {
      byId(id).ariaBusy = 'false'
    }
  })
}

export function listenToAccount() {
  onClick('call', async () => {
    byId('called').replaceChildren(
      ...(await call().catch((error) => [element('p', { textContent: textOf(error) })])),
    )
  })

  onClick('logout', async () => {
    await auth.logout()
    say('You are logged out.')
  })

  onClick('logout-everywhere', async () => {
    await auth.logoutEverywhere()
    say('You are logged out on every device.')
  })

  onSubmit('verify-again', async () => {
    await auth.resendVerification(auth.user.email)
    say(`A mail to ${auth.user.email} is on its way.`)
  })

  onSubmit('name', async ({ name }) => {
    await auth.updateUser({ name: name || null })
    say('Your name was saved.')
  })

  onSubmit('email', async ({ new_email: newEmail, password }) => {
    await auth.changeEmail({ new_email: newEmail, password })
    resetForm(document.forms.email)
    say(`Open the link in the mail to ${newEmail}. Until then, your address stays as it is.`)
  })

  onSubmit('password', async ({ current_password: current, new_password: next }) => {
    await auth.changePassword({ current_password: current, new_password: next })
    resetForm(document.forms.password)
    document.forms.password.elements.username.value = auth.user.email
    say('Your password was changed. Every other device is logged out.')
  })

  onSubmit('delete', async ({ password }) => {
    await auth.deleteUser({ password })
    say('Your account was deleted.')
  })
}
