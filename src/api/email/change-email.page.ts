import { createPage } from '../../http/page.js'

/** The page behind the link of the mail to a new address, without a front end. */
export const changeEmailPage = createPage({
  path: '/email/change',
  title: 'Confirm your new e-mail address',
  steps: [
    {
      action: '/email/change/confirm',
      // A stranger who gets this link by mistake has no password, and must not invent one.
      main:
        '<p>If you did not ask for this, close this page. Otherwise enter the password of your account.</p>' +
        '<form><label for="password">Password</label>' +
        '<input id="password" type="password" autocomplete="current-password" required maxlength="512">' +
        '<button>Confirm</button></form>',
      done: { 200: 'Your new address is confirmed. Log in with it from now on.' },
    },
  ],
  again: 'To get a new mail, log in and change your e-mail address again.',
})
