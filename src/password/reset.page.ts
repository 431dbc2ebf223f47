import type { Page } from '../http/page.js'

/** Where the link of the mail leads when there is no front end. */
export const resetPasswordPage: Page = {
  path: '/password/reset',
  title: 'Choose a new password',
  main: '<form><label for="password">New password</label><input id="password" type="password" autocomplete="new-password" required maxlength="512"><button>Set password</button></form>',
  script: `const form = document.querySelector('form')
const button = document.querySelector('button')
if (token === '') { form.hidden = true; say('This link is incomplete. Open the link of the mail as a whole.') }
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  button.disabled = true
  say('One moment…')
  const answer = await send({ new_password: document.querySelector('input').value })
  button.disabled = false
  if (answer.status === 204) {
    form.hidden = true
    say('Your password is changed, and every login was ended. You can log in with the new one.')
  } else if (answer.code === 'invalid_one_time_token') {
    form.hidden = true
    say(answer.title + '. ' + answer.detail)
  } else {
    say(unknown(answer))
  }
})
`
}
