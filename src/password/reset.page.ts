import type { Page } from '../http/page.js'

/** Where the link of the mail leads when there is no front end. */
export const resetPasswordPage: Page = {
  path: '/password/reset',
  title: 'Choose a new password',
  main: '<form><label for="new_password">New password</label><input id="new_password" type="password" autocomplete="new-password" required maxlength="512"><button>Set password</button></form>',
  done: { 204: 'Your password is changed, and every login was ended. You can log in with the new one.' }
}
