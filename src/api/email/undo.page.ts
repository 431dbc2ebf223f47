import { createPage, newPasswordStep } from '../../http/page.js'

/**
 * The page behind the link of the notice to a former address, without a front end. Its second
 * step sets a new password.
 */
export const undoEmailPage = createPage({
  path: '/email/undo',
  title: 'Take your account back',
  steps: [
    {
      action: '/email/undo',
      main:
        '<p>Your account gets this e-mail address back. You are logged out everywhere, and the current password stops working.</p>' +
        '<button>Take the account back</button>',
      done: { 200: 'Your account has its former address again. Choose a new password now.' },
      nextToken: 'reset_token',
    },
    newPasswordStep,
  ],
  again:
    'If you have already used it, <a href="../password/forgot">ask for a mail to choose a new password</a>.',
})
