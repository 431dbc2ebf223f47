import type { Page } from '../http/page.js'

// Opening the page of a link is not yet using the link: mail scanners open links too.
const confirm = (done: string, made = '') => `const button = document.querySelector('button')
if (token === '') { button.hidden = true; say('This link is incomplete. Open the link of the mail as a whole.') }
button.addEventListener('click', async () => {
  button.disabled = true
  say('One moment…')
  const answer = await send({})
  button.disabled = false
  if (answer.status === 200 || answer.status === 204) {
    button.hidden = true
    say('${done}')
  } else if (answer.status === 201) {
    button.hidden = true
    say('${made}')
  } else if (answer.code === 'invalid_one_time_token') {
    button.hidden = true
    say(answer.title + '. ' + answer.detail)
  } else {
    say(unknown(answer))
  }
})
`

/** Where the link to verify an address leads when there is no front end. */
export const verifyEmailPage: Page = {
  path: '/email/verify',
  title: 'Confirm your e-mail address',
  main: '<p>If it was not you who asked for this, close this page.</p><button>Confirm</button>',
  script: confirm('Your address is confirmed. You can close this page.', 'Your account is made. You can log in now.')
}

/** Where the link of the notice to a former address leads when there is no front end. */
export const undoEmailPage: Page = {
  path: '/email/undo',
  title: 'Bring your e-mail address back',
  main: '<p>Your account gets this e-mail address again, and every login is ended.</p><button>Bring it back</button>',
  script: confirm('Your address is back, and every login was ended. Now ask for a new password, for somebody else may know the present one.')
}
