import { createPage, newPasswordStep } from '../../http/page.js'

/** The page behind the link to set a new password, without a front end. */
export const resetPasswordPage = createPage({
  path: '/password/reset',
  title: 'Choose a new password',
  steps: [newPasswordStep],
  again: '<a href="../password/forgot">Ask for a new mail</a>',
})
