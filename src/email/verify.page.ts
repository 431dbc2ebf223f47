import type { Page } from '../http/page.js'

/** Where the link of the mail leads when there is no front end. Opening it is not yet confirming: mail scanners open links too. */
export const verifyEmailPage: Page = {
  path: '/email/verify',
  title: 'Confirm your e-mail address',
  main: '<button>Confirm</button>',
  script: `const button = document.querySelector('button')
if (token === '') { button.hidden = true; say('This link is incomplete. Open the link of the mail as a whole.') }
button.addEventListener('click', async () => {
  button.disabled = true
  say('One moment…')
  const answer = await send({})
  button.disabled = false
  if (answer.status === 200) {
    button.hidden = true
    say('Your address is confirmed. You can close this page.')
  } else if (answer.code === 'invalid_one_time_token') {
    button.hidden = true
    say(answer.title + '. ' + answer.detail)
  } else {
    say(unknown(answer))
  }
})
`
}
