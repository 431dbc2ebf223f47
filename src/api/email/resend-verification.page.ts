import { createPage, emailForm } from '../../http/page.js'

/** The page that asks for the mail to verify an address again, without a front end. */
export const resendVerificationPage = createPage({
  path: '/email/resend',
  title: 'Ask for a new mail',
  steps: [
    {
      action: '/email/resend',
      main: emailForm,
      done: {
        202: 'If the address has an account that is not verified, a mail with a link is on its way. Look into the spam folder too.',
      },
    },
  ],
})
