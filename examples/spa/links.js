// The pages that the links of mails lead to. The token is in the fragment, which browsers send to
// no server. Opening a page changes nothing: mail scanners open links too.
import { auth } from './client.js'
import { onSubmit } from './forms.js'
import { say, show } from './views.js'

const pages = {
  '/password/reset': 'reset',
  '/email/verify': 'verify',
  '/email/change': 'confirm-email',
  '/email/undo': 'undo',
}

/** The token is out of the address bar before anything else happens, such as a request. */
let token = takeToken()

/** Reads the token of a link, and removes it from the address bar and the history. */
function takeToken() {
  if (linkView() === undefined) return ''
  const found = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
  history.replaceState(null, '', location.pathname)
  return found
}

/** Returns the view of this address, or undefined if it is not the link of a mail. */
export function linkView() {
  return pages[location.pathname]
}

/** Shows the page of a link. */
export function showLink() {
  show(token === '' ? 'broken-link' : linkView())
}

/** Asks for the password on the page of a new address, unless its user is logged in. */
export function passwordIsNeeded(isNeeded) {
  const { password } = document.forms['confirm-email'].elements
  password.required = isNeeded
  password.closest('.field').hidden = !isNeeded
}

/** Returns to the page itself: to the account, or to the login. */
function leave(text, render) {
  token = ''
  history.replaceState(null, '', '/')
  render(auth.user)
  say(text)
}

/** @param render shows the account of a user, or the login */
export function listenToLinks(render) {
  // The link of another mail, opened in this tab.
  addEventListener('hashchange', () => {
    if (linkView() === undefined || location.hash === '') return
    token = takeToken()
    showLink()
  })

  onSubmit('reset', async ({ new_password: newPassword }) => {
    await auth.resetPassword({ token, new_password: newPassword })
    leave('Your password was changed. Log in with the new one.', render)
  })

  onSubmit('verify', async () => {
    const wasLoggedIn = auth.user !== null
    const user = await auth.verifyEmail(token)
    const isNew = user !== null && !wasLoggedIn
    leave(isNew ? 'Your account has been created.' : 'Your address is confirmed.', render)
  })

  onSubmit('confirm-email', async ({ password }) => {
    // The user who asked needs no password. Others do: the link alone proves too little.
    await auth
      .confirmEmailChange(password === '' ? { token } : { token, password })
      .catch((error) => {
        // Another user is logged in here.
        if (error.code === 'missing_token') passwordIsNeeded(true)
        throw error
      })
    leave('Your new address is confirmed.', render)
  })

  onSubmit('undo', async () => {
    const { reset_token: resetToken } = await auth.undoEmailChange(token)
    token = resetToken
    history.replaceState(null, '', '/password/reset')
    show('reset')
    say('Your account has its former address again. Choose a new password now.')
  })
}
