import { createPage } from '../../http/page.js'

/**
 * The page behind the link to verify an address, without a front end. Opening it changes
 * nothing: mail scanners open links too.
 */
export const verifyEmailPage = createPage({
  path: '/email/verify',
  title: 'Confirm your e-mail address',
  steps: [
    {
      action: '/email/verify',
      main: '<p>If you did not ask for this, close this page.</p><button>Confirm</button>',
      done: {
        200: 'Your address is confirmed. You can close this page.',
        201: 'Your account has been created. You can log in now.',
      },
    },
  ],
  again:
    '<a href="../email/resend">Ask for a new mail</a>. If you were creating an account, sign up again instead.',
})
