import t from 'tap'
import { goodPassword } from '../helper.js'
import { describedBy, fill, follow, go, hear, see, startSpa } from '../support/spa.js'

const spa = await startSpa(t, { RATE_LIMITS: 'off' })

t.test('what is typed can be shown, and empty fields are named', async (t) => {
  const page = await spa.open()
  await see(page, 'Log in')
  await page.getByRole('button', { name: 'Log in' }).click()
  t.equal(await describedBy(page, 'login-email'), 'Enter your e-mail.')
  t.equal(await page.evaluate('document.activeElement.id'), 'login-email')
  const reveal = page.getByRole('button', { name: 'Show password' })
  await reveal.click()
  t.equal(await page.getAttribute('#login-password', 'type'), 'text')
  t.equal(await reveal.getAttribute('aria-pressed'), 'true')
  await page.goto(`${spa.origin}/password/reset`)
  await see(page, 'Open the link again')
  await page.goto(`${spa.origin}/password/reset#token=nonsense`)
  await fill(page, { 'New password': goodPassword }, 'Change the password')
  t.match(await page.getByRole('alert').innerText(), 'This link is no longer valid.')
})

t.test('two tabs: a logout in one is seen in the other', async () => {
  const page = await spa.open()
  await see(page, 'Log in')
  await go(page, 'Create an account')
  await fill(page, { 'E-mail': 'tabs@example.org', Password: goodPassword }, 'Create account')
  await see(page, 'Your account')
  const other = await page.context().newPage()
  await other.goto(spa.origin)
  await see(other, 'Your account')
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await see(other, 'Log in')
})

t.test('with SIGNUP_MODE=verify_first the link in the mail logs in', async (t) => {
  const spa = await startSpa(t, { SIGNUP_MODE: 'verify_first', RATE_LIMITS: 'off' })
  const page = await spa.open()
  const email = 'ada@example.org'
  await go(page, 'Create an account')
  await fill(page, { 'E-mail': email, Password: goodPassword }, 'Create account')
  await see(page, 'Check your mail')
  await follow(t, page, await spa.linkTo(email, '/email/verify'))
  await page.getByRole('button', { name: 'Confirm' }).click()
  await see(page, 'Your account')
  await hear(page, 'Your account has been created.')
})

t.test('an address that is not verified is told, and the mail is sent again', async (t) => {
  const spa = await startSpa(t, { REQUIRE_VERIFIED_EMAIL: 'on', RATE_LIMITS: 'off' })
  const page = await spa.open()
  const email = 'ada@example.org'
  await go(page, 'Create an account')
  await fill(page, { 'E-mail': email, Password: goodPassword }, 'Create account')
  await see(page, 'Your account')
  await spa.linkTo(email, '/email/verify')
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await see(page, 'Log in')
  await fill(page, { 'E-mail': email, Password: goodPassword }, 'Log in')
  await see(page, 'Check your mail')
  await page.getByRole('button', { name: 'Send the mail again' }).click()
  await hear(page, 'it is on its way again.')
  await follow(t, page, await spa.linkTo(email, '/email/verify'))
  await page.getByRole('button', { name: 'Confirm' }).click()
  await hear(page, 'Your address is confirmed.')
  await fill(page, { 'E-mail': email, Password: goodPassword }, 'Log in')
  await see(page, 'Your account')
})

t.test('a limit is told with its seconds; a server that is away is told', async (t) => {
  const spa = await startSpa(t)
  const page = await spa.open()
  const alert = page.getByRole('alert')
  for (let count = 0; count < 30; count++) {
    await fill(page, { 'E-mail': 'ada@example.org', Password: 'wrong' }, 'Log in')
    await alert.waitFor()
    if ((await alert.innerText()).includes('Too many')) break
  }
  t.match(await alert.innerText(), /^Too many attempts. Try again in \d+ (seconds|minutes).$/)
  await spa.server.stop('SIGTERM')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('alert').filter({ hasText: 'cannot be reached' }).waitFor()
})
