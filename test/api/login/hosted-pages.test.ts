import t, { type Test } from 'tap'
import { buildTestApp, goodPassword } from '../../helper.js'
import { openPage } from '../../support/browser.js'
import { freePort } from '../../support/cluster.js'
import { proxyKinds, type ProxyKind, startPrefixProxy } from '../../support/prefix-proxy.js'

const email = 'ada@example.org'

/** The application in a browser, alone or under `/auth` behind a proxy. */
async function setUp(t: Test, kind: ProxyKind | null, env: Record<string, string> = {}) {
  const port = await freePort()
  const prefix = kind === null ? '' : '/auth'
  const base = `http://localhost:${port}${prefix}`
  const test = await buildTestApp(t, { env: { PUBLIC_URL: base, ...env } })
  test.time.now = Date.now()
  if (kind === null) await test.app.listen({ host: '127.0.0.1', port })
  else {
    const target = await test.app.listen({ host: '127.0.0.1', port: 0 })
    await startPrefixProxy(t, { kind, port, target })
  }
  const { page, complaints } = await openPage(t)
  const says = async (text: string | RegExp) => {
    await page.getByRole('status').filter({ hasText: text }).waitFor()
  }
  // As a person with a keyboard does.
  const enter = async (password: string, address = email) => {
    await page.getByLabel('E-mail address').fill(address)
    await page.getByLabel('Password').fill(password)
    await page.getByLabel('Password').press('Enter')
  }
  const at = async (path: string) => {
    await page.waitForURL((url) => `${url.pathname}` === `${prefix}${path}`)
  }
  const claims = `${prefix}/claims`
  const renew = async () => {
    await page.goto(`${base}/refresh?return_to=${claims}`)
  }
  const cookieNames = async () =>
    (await page.context().cookies(`${base}/refresh`)).map((c) => c.name)
  return { ...test, base, page, complaints, says, enter, at, claims, renew, cookieNames }
}

for (const kind of [null, ...proxyKinds])
  t.test(`sign up, log in, be renewed, be logged out; proxy: ${kind}`, async (t) => {
    const { page, complaints, says, enter, at, renew, cookieNames, time, logText } = await setUp(
      t,
      kind,
    )
    await renew()
    await at('/login')
    await page.getByRole('link', { name: 'Create an account' }).click()
    await at('/signup')
    t.strictSame(
      [
        await page.getByLabel('E-mail address').getAttribute('autocomplete'),
        await page.getByLabel('Password').getAttribute('autocomplete'),
        await page.evaluate('document.activeElement.id'),
      ],
      ['username', 'new-password', 'email'],
    )
    await enter('password1')
    await says(/common/)
    t.equal(await page.evaluate('document.activeElement.id'), 'password', 'the focus stays')
    await page.reload()
    await enter(goodPassword)
    await at('/claims')
    t.match(await page.textContent('body'), /"sub":/, 'the access cookie works')
    t.equal(await page.evaluate('document.cookie'), '', 'no script can read it')
    t.strictSame((await cookieNames()).sort(), ['latchkey', 'latchkey-device', 'latchkey-refresh'])

    time.now += 86_400_000
    t.equal((await page.reload())?.status(), 401, 'the access token has expired')
    await renew()
    await at('/claims')
    t.match(await page.textContent('body'), /"sub":/, 'renewed')

    await page.context().clearCookies({ name: 'latchkey' })
    await renew()
    await at('/login')
    t.notOk((await cookieNames()).includes('latchkey-refresh'), 'it counts only beside the other')
    t.equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password')
    await enter('wrong')
    await says('E-mail or password is wrong.')
    await enter(goodPassword)
    await at('/claims')

    for (let renewals = 2; renewals <= 5; renewals++) await renew()
    await at('/login')
    t.match(await page.textContent('[role=alert]'), 'the application does not see it')
    t.strictSame(
      complaints.filter((line) => !/status of 4(01|22)/.test(line)),
      [],
    )
    t.notMatch(logText(), /eyJ|ada@/)
  })

t.test('the texts for a person, and what comes without return_to', async (t) => {
  const APP_URL = 'http://localhost:9/app'
  const { base, page, says, enter, call, stored } = await setUp(t, null, { APP_URL })
  await page.goto(`${base}/signup`)
  await enter(goodPassword)
  await says('Your account has been created, and you are logged in.')
  const link = page.getByRole('link', { name: 'Go to the application' })
  t.equal(await link.getAttribute('href'), APP_URL)
  t.equal(await page.getByRole('link').count(), 1)
  t.equal(await page.evaluate('document.activeElement.href'), APP_URL, 'the link has the focus')
  await page.goto(`${base}/signup/`)
  await enter(goodPassword)
  await says('This e-mail address already has an account. Log in instead.')
  await enter(goodPassword, 'not an address')
  await says('Check what you have entered: it must be')
  await page.getByRole('link', { name: 'Log in' }).click()
  await page.waitForURL(`${base}/login`)
  await page.getByRole('link', { name: 'Choose a new password' }).click()
  await page.waitForURL(`${base}/password/forgot`)
  await page.getByRole('link', { name: 'Log in' }).click()
  await page.waitForURL(`${base}/login`)
  await enter(goodPassword)
  await says('You are logged in.')
  await stored.disable(email)
  await page.goto(`${base}/login`)
  await enter(goodPassword)
  await says('This account is disabled.')
  for (let guesses = 0; guesses < 12; guesses++)
    await call('POST', '/login', { body: { email: 'b@example.org', password: 'wrong' } })
  await enter('wrong', 'b@example.org')
  await says('Too many requests. Please try again later.')
  // The page of another address of the server: its origin is not that of PUBLIC_URL.
  await page.goto(`${base.replace('localhost', '127.0.0.1')}/login`)
  await enter(goodPassword)
  await says('Logging in does not work at this address.')
})

t.test('with verify_first a mail is on its way, and nobody is logged in', async (t) => {
  const { page, says, enter, renew, at, cookieNames, nextMail } = await setUp(t, null, {
    SIGNUP_MODE: 'verify_first',
  })
  await renew()
  await page.getByRole('link', { name: 'Create an account' }).click()
  await at('/signup')
  await enter(goodPassword)
  await says('A mail with a link is on its way.')
  await at('/signup')
  t.strictSame(await cookieNames(), [])
  const [link = ''] = /http\S+/.exec((await nextMail(email, '')).text) ?? []
  await page.goto(link)
  await page.getByRole('button', { name: 'Confirm' }).click()
  await says('Your account has been created.')
  t.notOk((await cookieNames()).includes('latchkey'), 'the page of a link does not log in')
})
