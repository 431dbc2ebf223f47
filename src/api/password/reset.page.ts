import { createPage, newPasswordStep } from '../../http/page.js'

/** Where the link of the mail leads when there is no front end. */
export const resetPasswordPage = createPage({
  path: '/password/reset',
  title: 'Choose a new password',
  steps: [newPasswordStep],
})
