import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Cookie, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { buildTestApp, goodPassword } from '../helper.js'
import { openPage } from '../support/browser.js'
import { freePort } from '../support/cluster.js'
import { startExample } from '../support/example-app.js'
import { createMachineFlow } from '../support/machines.js'

const email = 'ada@example.org'

/** Starts Latchkey and the example on two ports of one host. */
async function start(t: Test, env: Record<string, string> = {}) {
  const [port, appPort] = [await freePort(), await freePort()]
  const [issuer, origin] = [`http://localhost:${port}`, `http://localhost:${appPort}`]
  const built = await buildTestApp(t, {
    env: {
      PUBLIC_URL: issuer,
      CORS_ORIGINS: origin,
      SIGN_IN_URL: `${origin}/login`,
      TRUST_PROXY: '127.0.0.1',
      ...env,
    },
  })
  const { app, time, signup } = built
  time.now = Date.now()
  await app.listen({ host: '127.0.0.1', port })
  t.teardown(() => {
    app.server.closeAllConnections()
  })
  const settings = { PORT: String(appPort), LATCHKEY_URL: issuer }
  const example = await startExample(t, 'server-rendered/app.mjs', settings)
  return { built, app, time, signup, issuer, origin, settings, example }
}

/** Fills a form and sends it. */
async function fill(page: Page, fields: Record<string, string>, button: string): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value)
  await page.getByRole('button', { name: button }).click()
}

/** Returns the heading and the first paragraph. */
async function shown(page: Page): Promise<string> {
  return `${await page.locator('h1').innerText()}: ${await page.locator('p').first().innerText()}`
}

/** Returns the cookies that a browser sends to an address, by name. */
async function cookiesFor(context: BrowserContext, url: string): Promise<Map<string, Cookie>> {
  return new Map((await context.cookies(url)).map((cookie) => [cookie.name, cookie]))
}

/** Replaces the access cookie by one whose token has expired. */
async function letExpire(
  context: BrowserContext,
  { time, issuer, origin }: Awaited<ReturnType<typeof start>>,
): Promise<void> {
  time.now -= 700_000
  const reply = await fetch(`${issuer}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ email, password: goodPassword, transport: 'cookie' }),
  })
  time.now += 700_000
  const cookies = reply.headers.getSetCookie().map((text) => {
    const [, name = '', value = '', path = ''] = /^([^=]+)=([^;]*).*Path=([^;]*)/.exec(text) ?? []
    return { name, value, path, domain: 'localhost', httpOnly: true, sameSite: 'Lax' as const }
  })
  await context.addCookies(cookies)
}

t.test('a person uses the app in a browser without scripts', async (t) => {
  const servers = await start(t)
  const { origin, issuer, settings } = servers
  const { page } = await openPage(t, { javaScriptEnabled: false })
  const context = page.context()

  await t.test('a page without login leads to the login form', async (t) => {
    await page.goto(`${origin}/?name=Countess%20%26%20more`)
    t.match(page.url(), `${origin}/login?return_to=`)
    t.match(await shown(page), 'Log in')
  })

  await t.test('a weak password is named in the sign-up form', async (t) => {
    await page.getByRole('link', { name: 'Sign up' }).click()
    await fill(page, { Name: 'Ada <b>', 'E-mail': email, Password: 'short' }, 'Sign up')
    t.match(await shown(page), 'Sign up: Use at least 8 characters.')
    t.equal(await page.getByLabel('E-mail').inputValue(), email, 'the typed text is kept')
  })

  await t.test('signing up logs in, and returns to the page', async (t) => {
    await fill(page, { Name: 'Ada <b>', 'E-mail': email, Password: goodPassword }, 'Sign up')
    t.equal(page.url(), `${origin}/?name=Countess%20%26%20more`)
    t.match(await shown(page), 'Your account: Hello, Ada <b>!')
    const cookies = await cookiesFor(context, `${issuer}/refresh`)
    for (const name of ['latchkey', 'latchkey-refresh', 'latchkey-device'])
      t.equal(cookies.get(name)?.httpOnly, true, name)
  })

  await t.test('a form changes the name', async (t) => {
    await fill(page, { 'New name': 'Lovelace' }, 'Save')
    t.match(await shown(page), 'Hello, Lovelace!')
  })

  await t.test('a restart of the app logs nobody out', async (t) => {
    await servers.example.stop()
    servers.example = await startExample(t, 'server-rendered/app.mjs', settings)
    t.teardown(async () => {
      await servers.example.stop()
      servers.example = await startExample(t.parent as Test, 'server-rendered/app.mjs', settings)
    })
    await page.goto(origin)
    t.match(await shown(page), 'Hello, Lovelace!')
  })

  await t.test('an expired access token is renewed on the way', async (t) => {
    await letExpire(context, servers)
    const old = (await cookiesFor(context, origin)).get('latchkey')
    await page.goto(`${origin}/?name=a%26b`)
    t.equal(page.url(), `${origin}/?name=a%26b`)
    t.match(await shown(page), 'Hello, Lovelace!')
    t.not((await cookiesFor(context, origin)).get('latchkey')?.value, old?.value, 'a new token')
  })

  await t.test('a form that is sent with an expired token keeps its text', async (t) => {
    await page.goto(origin)
    await letExpire(context, servers)
    await fill(page, { 'New name': 'Countess & more' }, 'Save')
    t.match(await shown(page), 'Hello, Lovelace!')
    t.equal(await page.getByLabel('New name').inputValue(), 'Countess & more')
  })

  await t.test('logging out ends the login, also for the back button', async (t) => {
    const before = await context.cookies(`${issuer}/refresh`)
    await page.getByRole('button', { name: 'Log out' }).click()
    t.equal(page.url(), `${origin}/login`)
    const after = await cookiesFor(context, `${issuer}/refresh`)
    t.notOk(after.has('latchkey') || after.has('latchkey-refresh'), 'the cookies are gone')
    await page.goBack()
    t.match(await shown(page), 'Log in')
    await page.goto(origin)
    t.match(await shown(page), 'Log in')
    await context.addCookies(before)
    await page.goto(`${issuer}/refresh?return_to=${origin}/`)
    t.match(await shown(page), 'Log in', 'a copied refresh cookie cannot be renewed')
  })

  await t.test('a wrong password is said in the form; the right one logs in', async (t) => {
    await fill(page, { 'E-mail': email, Password: 'wrong' }, 'Log in')
    t.equal(await shown(page), 'Log in: The e-mail address or the password is wrong.')
    await fill(page, { Password: goodPassword }, 'Log in')
    t.match(await shown(page), 'Hello, Lovelace!')
  })

  await t.test('while Latchkey is away, the app still knows the account', async (t) => {
    await servers.app.close()
    await page.goto(origin)
    t.match(await shown(page), /Hello, [\da-f-]{36}!/)
    await fill(page, { 'New name': 'x' }, 'Save')
    t.equal(await shown(page), 'Notice: The login does not work at the moment. Try again soon.')
  })
})

t.test('too many attempts are said in the form', async (t) => {
  const { signup, origin } = await start(t)
  const { page } = await openPage(t, { javaScriptEnabled: false })
  const { user } = await signup()
  await page.goto(`${origin}/login`)
  for (let count = 0; count < 30; count++) {
    await fill(page, { 'E-mail': user.email, Password: 'wrong' }, 'Log in')
    if ((await shown(page)).includes('Too many')) break
  }
  t.match(await shown(page), /^Log in: Too many attempts. Try again in \d+ seconds.$/)
})

t.test('forms of other sites are refused, with cookies and without', async (t) => {
  const { origin, signup, issuer } = await start(t)
  const { user } = await signup()
  const login = { email: user.email, password: goodPassword }
  const send = async (path: string, headers: Record<string, string>, fields = {}) =>
    await fetch(origin + path, {
      method: 'POST',
      headers,
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
  const own = await send('/login', { origin }, login)
  t.equal(own.status, 303)
  const cookie = own.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ')
  for (const headers of [
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' },
    { origin: issuer, 'sec-fetch-site': 'same-site' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    {},
  ] as Array<Record<string, string>>)
    for (const path of ['/login', '/signup', '/name', '/logout']) {
      for (const more of [{}, { cookie }]) {
        const reply = await send(path, { ...headers, ...more }, { ...login, name: 'Mallory' })
        t.equal(reply.status, 403, `${path} ${JSON.stringify(headers)}`)
        t.strictSame(reply.headers.getSetCookie(), [])
      }
    }
  t.match(await (await fetch(origin, { headers: { cookie } })).text(), 'Hello')
})

t.test('a form of another site is refused in a browser', async (t) => {
  const { origin, signup, issuer } = await start(t)
  const { user } = await signup({ email, name: 'Ada' })
  const form = (path: string, fields: Record<string, string>) =>
    `<form method="post" action="${origin}${path}">${Object.entries(fields)
      .map(([name, value]) => `<input name="${name}" value="${value}">`)
      .join('')}<button>${path}</button></form>`
  const attack =
    form('/login', { email: user.email, password: goodPassword }) +
    form('/name', { name: 'Mallory' }) +
    form('/logout', {})
  const evil = createServer((_request, reply) => {
    reply.writeHead(200, { 'content-type': 'text/html' }).end(attack)
  }).listen(0, '127.0.0.1')
  await once(evil, 'listening')
  t.teardown(() => {
    evil.close().closeAllConnections()
  })
  const { port } = evil.address() as AddressInfo
  const { page } = await openPage(t, { javaScriptEnabled: false })
  const post = async (host: string, path: string) => {
    await page.goto(`http://${host}:${port}/`)
    await page.getByRole('button', { name: path }).click()
    return await shown(page)
  }
  const refused = 'Notice: This form was sent by another site.'
  // A browser sends cookies from another port of the host, and none from another site.
  for (const host of ['localhost', '127.0.0.1']) {
    t.equal(await post(host, '/login'), refused, `logs nobody in from ${host}`)
    t.strictSame(await page.context().cookies(issuer), [], 'no cookie is set')
  }
  await page.goto(`${origin}/login`)
  await fill(page, { 'E-mail': email, Password: goodPassword }, 'Log in')
  for (const host of ['localhost', '127.0.0.1'])
    for (const path of ['/name', '/logout']) t.equal(await post(host, path), refused, host + path)
  await page.goto(origin)
  t.match(await shown(page), 'Hello, Ada!')
})

t.test('the login returns to pages of the app alone', async (t) => {
  const { origin, signup } = await start(t)
  const { user } = await signup()
  for (const [address, expected] of [
    ['/?name=a&b=2', `${origin}/?name=a&b=2`],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example/', '/'],
    ['javascript:alert(1)', '/'],
    [`${origin}@evil.example/`, '/'],
    [`${origin}//evil.example`, `${origin}//evil.example`],
    ['/\t/evil.example', '/'],
  ] as const) {
    const reply = await fetch(`${origin}/login`, {
      method: 'POST',
      headers: { origin },
      body: new URLSearchParams({
        email: user.email,
        password: goodPassword,
        return_to: address,
      }),
      redirect: 'manual',
    })
    t.equal(reply.headers.get('location'), expected, address)
  }
})

t.test('the token of a machine client is no login, also while Latchkey is away', async (t) => {
  const { built, app, signup, origin } = await start(t)
  const { create, tokenOf } = createMachineFlow(built)
  const [person, machine] = [(await signup()).access_token, await tokenOf(await create())]
  const statusOf = async (token: string) =>
    (await fetch(origin, { headers: { cookie: `latchkey=${token}` }, redirect: 'manual' })).status
  t.strictSame([await statusOf(person), await statusOf(machine)], [200, 303])
  await app.close()
  t.strictSame([await statusOf(person), await statusOf(machine)], [200, 303])
})
