import type { Page } from '../http/page.js'

// Opening the page of a link is not yet using the link: mail scanners open links too.

/** Where the link to verify an address leads when there is no front end. */
export const verifyEmailPage: Page = {
  path: '/email/verify',
  title: 'Confirm your e-mail address',
  main: '<p>If it was not you who asked for this, close this page.</p><button>Confirm</button>',
  done: { 200: 'Your address is confirmed. You can close this page.', 201: 'Your account is made. You can log in now.' }
}

/** Where the link of the notice to a former address leads when there is no front end. */
export const undoEmailPage: Page = {
  path: '/email/undo',
  title: 'Bring your e-mail address back',
  main: '<p>Your account gets this e-mail address again, and every login is ended.</p><button>Bring it back</button>',
  done: { 204: 'Your address is back, and every login was ended. Now ask for a new password, for somebody else may know the present one.' }
}
