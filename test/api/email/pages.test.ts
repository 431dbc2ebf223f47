import t from 'tap'
import { openPage } from '../../support/browser.js'
import { buildTestApp, goodPassword } from '../../helper.js'
import { tokenOf } from '../../support/mailbox.js'
import { freePort } from '../../support/cluster.js'
import { createEmailFlow } from '../../support/email-flow.js'

const next = 'seven-green-kettles-whistle'

t.test('the page of the link asks for the password, in a browser', async (t) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const test = await buildTestApp(t, { env: { APP_URL: url } })
  const { app, call, signup, nextMail, time } = test
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  const { access_token: token } = await signup()
  await call('POST', '/email/change', {
    token,
    body: { new_email: 'new@example.org', password: goodPassword },
  })
  const [link = ''] =
    /http\S+/.exec((await nextMail('new@example.org', 'Confirm your new')).text) ?? []
  const { page, complaints } = await openPage(t)
  await page.goto(link)
  t.equal(page.url(), `${url}/email/change`, 'the token has left the address bar')
  t.equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password')
  const press = async (password: string, says: string | RegExp) => {
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByRole('status').filter({ hasText: says }).waitFor()
  }
  await press('wrong', 'Confirm this step with')
  await press(goodPassword, 'Your new address is confirmed')
  t.equal(await page.getByRole('button').count(), 0)
  t.equal((await call('GET', '/me', { token })).json().email, 'new@example.org')
  t.strictSame(
    complaints.filter((line) => !/status of 403/.test(line)),
    [],
  )
})

t.test('the page of the notice goes on to a new password, in a browser', async (t) => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const test = await buildTestApp(t, { env: { APP_URL: url } })
  const { app, call, nextMail, time } = test
  const { signupVerified, ask, confirm, login } = createEmailFlow(test)
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  const { access_token: token, user } = await signupVerified()
  await confirm(await ask(token, 'new@example.org'))
  const taken = await signupVerified(user.email)
  const notice = await nextMail(user.email, /was changed$/)
  const [link = ''] = /http\S+/.exec(notice.text) ?? []
  const { page, complaints } = await openPage(t)
  const says = async (text: string | RegExp) => {
    await page.getByRole('status').filter({ hasText: text }).waitFor()
  }
  await page.goto(link)
  t.equal(page.url(), `${url}/email/undo`, 'the token has left the address bar')
  t.equal(await page.getByLabel('New password').isVisible(), false)
  await page.getByRole('button', { name: 'Take the account back' }).click()
  await says('Another account has this address')
  await call('DELETE', '/me', { token: taken.access_token, body: { password: goodPassword } })
  await page.getByRole('button', { name: 'Take the account back' }).click()
  await says('Choose a new password now')
  t.equal((await call('GET', '/me', { token })).json().email, user.email)
  t.equal(await page.getByRole('button', { name: 'Take the account back' }).isVisible(), false)
  await page.getByLabel('New password').fill('password1')
  await page.getByRole('button', { name: 'Set password' }).click()
  await says(/common/)
  await page.getByLabel('New password').fill(next)
  await page.getByRole('button', { name: 'Set password' }).click()
  await says('Your password has been changed')
  t.equal(await page.getByRole('button').count(), 0)
  t.notMatch(await page.content(), /eyJ/)
  t.equal(await login(user.email, next), 200)

  await page.goto('about:blank')
  await page.goto(`${url}/email/undo/#token=${tokenOf(notice)}`)
  await page.getByRole('button', { name: 'Take the account back' }).click()
  await says('no longer valid')
  t.strictSame(
    complaints.filter((line) => !/status of 4(00|09|22)/.test(line)),
    [],
  )
})
