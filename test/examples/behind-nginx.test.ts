import t, { type Test } from 'tap'
import { goodPassword } from '../helper.js'
import { openPage } from '../support/browser.js'
import { freePort } from '../support/cluster.js'
import { startExample } from '../support/example-app.js'
import { checkForwardAuth } from '../support/forward-auth-checks.js'
import { type BehindProxy, startBehindProxy } from '../support/forward-auth.js'
import { startNginx } from '../support/nginx.js'

t.test('requests through nginx', async (t) => {
  const behind = await startBehindProxy(t, { RATE_LIMITS: 'off' })
  if (await startNginx(t, behind.addresses)) await checkForwardAuth(t, behind)
})

t.test('the app compares whole names of roles', async (t) => {
  const port = await freePort()
  await startExample(t, 'behind-nginx/app.mjs', { PORT: String(port) })
  for (const [roles, expected] of [
    [undefined, 403],
    ['', 403],
    ['editor', 200],
    ['admin,editor', 200],
    ['sub-editor,editors,co.editor', 403],
  ] as const) {
    const headers = {
      'x-latchkey-subject': 'ada',
      ...(roles !== undefined && { 'x-latchkey-roles': roles }),
    }
    for (const path of ['/editors/', '/editors'])
      t.equal(
        (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status,
        expected,
        `${path} ${roles}`,
      )
  }
})

t.test('a person uses the example in a browser', async (t) => {
  const behind = await startBehindProxy(t)
  const { origin, time, signup, addresses } = behind
  const appPort = await freePort()
  await startExample(t, 'behind-nginx/app.mjs', { PORT: String(appPort), ORIGIN: origin })
  if (!(await startNginx(t, { ...addresses, appPort }))) return
  const { user } = await signup({ email: 'ada@example.org' })
  const { page } = await openPage(t)
  const address = `${origin}/notes?a=1&b=%26`
  const logIn = async () => {
    await page.getByLabel('E-mail').fill(user.email)
    await page.getByLabel(/password/i).fill(goodPassword)
    await page.getByRole('button', { name: 'Log in' }).click()
  }

  await t.test('open pages are open', async (t) => {
    await page.goto(origin)
    t.equal(await page.locator('h1').innerText(), 'An open page')
    await page.getByRole('link', { name: 'An open page of the app' }).click()
    t.match(await page.locator('body').innerText(), 'Everybody may read this.')
  })

  await t.test('a protected page leads to the login and back, with its query', async (t) => {
    await page.goto(address)
    t.match(page.url(), `${origin}/auth/login?return_to=`)
    await logIn()
    await page.waitForURL(address)
    const text = await page.locator('body').innerText()
    t.match(text, `Account ${user.id}`)
    t.match(text, 'Query ?a=1&b=%26')
    t.match(text, 'Cookies none')
  })

  await t.test('a form of the app works', async (t) => {
    await page.locator('input').fill('Bring <b>milk</b>')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(`${origin}/notes`)
    t.equal(await page.locator('input').inputValue(), 'Bring <b>milk</b>')
  })

  await t.test('an expired token is renewed without the person noticing', async (t) => {
    time.now += 700_000
    const paths: string[] = []
    page.on('response', (reply) => {
      paths.push(`${reply.status()} ${new URL(reply.url()).pathname}`)
    })
    await page.goto(address)
    t.equal(page.url(), address)
    t.match(await page.locator('body').innerText(), `Account ${user.id}`)
    t.strictSame(paths.slice(0, 3), ['303 /notes', '303 /auth/refresh', '200 /notes'])
  })

  await t.test('a fetch gets 401, and works after the renewal', async (t) => {
    time.now += 700_000
    const statuses = await page.evaluate(async () => {
      const before = await fetch('/api/me')
      const renewal = await fetch('/auth/refresh', { method: 'POST' })
      const after = await fetch('/api/me')
      return [before.status, before.redirected, renewal.status, after.status]
    })
    t.strictSame(statuses, [401, false, 200, 200])
  })

  await t.test('the app refuses a form of another site', async (t) => {
    await refusesForeignForms(t, behind)
  })

  await t.test('logging out ends the login, also for the back button', async (t) => {
    await page.goto(`${origin}/members/`)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.waitForURL(`${origin}/`)
    await page.goBack()
    await page.waitForURL(`${origin}/auth/login?**`)
    await page.goto(address)
    t.match(page.url(), `${origin}/auth/login?return_to=`)
    await logIn()
    await page.waitForURL(address)
    t.match(await page.locator('body').innerText(), `Account ${user.id}`)
  })
})

async function refusesForeignForms(t: Test, { origin, login }: BehindProxy): Promise<void> {
  const { cookie } = await login()
  const save = async (headers: Record<string, string>) => {
    const body = new URLSearchParams({ note: 'x' })
    const reply = await fetch(`${origin}/notes`, {
      method: 'POST',
      headers: { cookie, ...headers },
      body,
      redirect: 'manual',
    })
    return reply.status
  }
  t.equal(await save({ origin }), 303)
  t.equal(await save({ origin: 'https://evil.example' }), 403)
  t.equal(await save({ origin: 'null', 'sec-fetch-site': 'cross-site' }), 403)
  t.equal(await save({}), 403)
}
