// The start: which view to show, and the forms of people who are logged out.
import { listenToAccount, showAccount } from './account.js'
import { auth, restoreStorage, storage, useStorage } from './client.js'
import { addRevealButtons, onSubmit, resetForm } from './forms.js'
import { linkView, listenToLinks, passwordIsNeeded, showLink } from './links.js'
import { textOf } from './messages.js'
import { say, show, shown } from './views.js'

/** The address that the last mail went to. */
let mailedTo = ''

/** Shows what a user sees, or a person who is logged out. It is called after each change. */
function render(user, reason) {
  if (linkView() !== undefined) {
    passwordIsNeeded(user === null)
    if (shown === 'loading') showLink()
    return
  }
  // The login ended by itself: say why.
  if (reason) say(textOf(reason))
  if (user) return showAccount(user)
  for (const form of document.forms) if (form.id !== 'storage') resetForm(form)
  showLoggedOut()
}

/** The address has the view, so that the back button works. */
function showLoggedOut() {
  const name = location.hash.slice(1)
  show(['signup', 'forgot'].includes(name) ? name : 'login')
}

function showMail(email, text) {
  mailedTo = email
  document.getElementById('mail-text').textContent = text
  show('mail')
}

onSubmit('login', async ({ email, password }) => {
  try {
    await auth.login({ email, password })
    say('You are logged in.')
  } catch (error) {
    if (error.code !== 'email_unverified') throw error
    showMail(email, `First open the link in the mail to ${email}. It confirms your address.`)
  }
})

onSubmit('signup', async ({ email, password, name }) => {
  const user = await auth.signup({ email, password, ...(name && { name }) })
  // With SIGNUP_MODE=verify_first the link in the mail creates the account, and logs in. An
  // address that has an account gets another mail, so the page says the same.
  if (user === null) showMail(email, `Open the link in the mail to ${email} to create the account.`)
  else say('Your account has been created.')
})

onSubmit('forgot', async ({ email }) => {
  await auth.forgotPassword(email)
  say(`If ${email} has an account, a mail is on its way.`)
})

onSubmit('resend', async () => {
  await auth.resendVerification(mailedTo)
  say(`If ${mailedTo} is waiting for a mail, it is on its way again.`)
})

addEventListener('hashchange', () => {
  if (linkView() !== undefined || auth.user !== null) return
  say('')
  showLoggedOut()
})

const switcher = document.getElementById('storage')
switcher.addEventListener('change', () => {
  say('')
  useStorage(switcher.elements.storage.value, render)
})

addRevealButtons()
listenToAccount()
listenToLinks(render)
restoreStorage(render)
switcher.elements.storage.value = storage
