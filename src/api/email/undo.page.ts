import { createPage, newPasswordStep } from '../../http/page.js'

/**
 * Where the link of the notice to a former address leads when there is no front end. It goes
 * straight on to a new password.
 */
export const undoEmailPage = createPage({
  path: '/email/undo',
  title: 'Take your account back',
  steps: [
    {
      action: '/email/undo',
      main:
        '<p>Your account gets this e-mail address back. Every login ends, and the current password stops working.</p>' +
        '<button>Take the account back</button>',
      done: { 200: 'Your account has its former address again. Choose a new password now.' },
      nextToken: 'reset_token',
    },
    newPasswordStep,
  ],
})
