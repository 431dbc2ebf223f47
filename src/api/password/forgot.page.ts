import { createPage, emailForm } from '../../http/page.js'

/** The page that asks for a mail with a link to a new password, without a front end. */
export const forgotPasswordPage = createPage({
  path: '/password/forgot',
  title: 'Ask for a new password',
  steps: [
    {
      action: '/password/forgot',
      main: emailForm,
      done: {
        202: 'If the address has an account, a mail with a link is on its way. Look into the spam folder too.',
      },
    },
  ],
})
