import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { Problem } from '../../../src/errors.js'
import { limits } from '../../../src/limits/table.js'
import { buildTestApp, goodPassword, outcome, pointersOf, type TestOptions } from '../../helper.js'
import { cookieChanges, cookieHeader, cookiesOf } from '../../support/cookie-jar.js'
import { type Case, everyRowIs, rowsOf, tableIs } from '../../support/table.js'

const host = 'http://localhost:3000'
const signIn = (page: string) => `${host}/login?return_to=${encodeURIComponent(page)}`
const fresh = ['latchkey-renewals', 'latchkey', 'latchkey-refresh']
const cleared = ['-latchkey', '-latchkey-refresh']

/** The application, a person who logged in with cookies, and a way to navigate. */
async function setUp(t: Test, options: TestOptions = {}) {
  const test = await buildTestApp(t, options)
  const { origin } = new URL(test.config.PUBLIC_URL)
  const logIn = async (email = `${randomUUID()}@example.org`) => {
    await test.signup({ email })
    return await test.call('POST', '/login', {
      body: { email, password: goodPassword, transport: 'cookie' },
      headers: { origin },
    })
  }
  const go = async (cookie = '', url = '/refresh?return_to=/app', headers = {}) =>
    await test.call('GET', url, { headers: { ...(cookie !== '' && { cookie }), ...headers } })
  return { ...test, logIn, go }
}

/** The parts of a reply that decide where a browser goes, and what it keeps. */
function led(reply: Awaited<ReturnType<Awaited<ReturnType<typeof setUp>>['go']>>) {
  return [reply.statusCode, reply.headers.location, ...cookieChanges(reply)]
}

t.test('good cookies are renewed, and the person goes back', async (t) => {
  const { logIn, go, call, time, log } = await setUp(t)
  const login = await logIn()
  const cookie = cookieHeader(login)
  t.notMatch(login.body, 'eyJ')
  // The access token has expired long ago.
  time.now += 86_400_000
  t.equal((await call('GET', '/claims', { headers: { cookie } })).statusCode, 401)
  const reply = await go(cookie, '/refresh?return_to=/app?a=1&b=2')
  t.strictSame(led(reply), [303, `${host}/app?a=1&b=2`, ...fresh])
  t.equal(reply.body, '')
  t.equal(reply.headers['cache-control'], 'no-store')
  t.strictSame(
    cookiesOf(reply).map(({ attributes }) => attributes),
    [
      'Max-Age=10; Path=/refresh; HttpOnly; SameSite=Lax',
      'Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax',
      'Max-Age=2592000; Path=/refresh; HttpOnly; SameSite=Lax',
    ],
  )
  const renewed = { cookie: cookieHeader(login, reply) }
  t.equal((await call('GET', '/claims', { headers: renewed })).statusCode, 200)
  t.equal((await go(cookieHeader(login, reply))).statusCode, 303)
  t.equal(log().filter(({ event }) => event === 'refresh.refused').length, 0)
})

t.test('without good cookies the person goes to sign in', async (t) => {
  const { logIn, go, call, log } = await setUp(t)
  const [login, other] = [await logIn(), await logIn()]
  const [access = '', refresh = ''] = cookieHeader(login)
    .split('; ')
    .filter((one) => !one.includes('device'))
  const [, foreign = ''] = cookieHeader(other)
    .split('; ')
    .filter((one) => !one.includes('device'))
  const rows: Array<Case<string, unknown>> = [
    ['no cookie', '', [303, signIn(`${host}/app`)]],
    ['another cookie', 'theme=dark; latchkey-device=x', [303, signIn(`${host}/app`)]],
    ['the count alone', 'latchkey-renewals=9', [303, signIn(`${host}/app`)]],
    ['access alone', access, [303, signIn(`${host}/app`)]],
    ['refresh alone, as if planted', refresh, [303, signIn(`${host}/app`), ...cleared]],
    ['of two accounts', `${access}; ${foreign}`, [303, signIn(`${host}/app`), ...cleared]],
    ['garbage', 'latchkey=x; latchkey-refresh=y', [303, signIn(`${host}/app`), ...cleared]],
    ['empty', 'latchkey=; latchkey-refresh=', [303, signIn(`${host}/app`), ...cleared]],
    [
      'a planted cookie before a good pair',
      `latchkey-refresh=x; ${foreign}; ${access}; ${refresh}`,
      [303, `${host}/app`, ...fresh],
    ],
  ]
  await tableIs(t, rows, async (cookie) => led(await go(cookie)), 'cookies')
  const third = cookieHeader(await logIn())
  const [, token = ''] = /latchkey-refresh=([^;]+)/.exec(third) ?? []
  t.strictSame(led(await go(third)), [303, `${host}/app`, ...fresh])
  t.equal((await call('POST', '/logout', { body: { refresh_token: token } })).statusCode, 204)
  t.strictSame(led(await go(third)), [303, signIn(`${host}/app`), ...cleared], 'logged out')
  await call('POST', '/logout/everywhere', { headers: { cookie: access, origin: host } })
  t.strictSame(led(await go(`${access}; ${refresh}`)), [303, signIn(`${host}/app`), ...cleared])
  t.match(
    log().filter(({ event }) => event === 'refresh.refused'),
    Array(7).fill({ token_type: 'Cookie' }),
  )
})

// Browsers compare the path of a cookie exactly, so they withhold the refresh cookie here.
t.test('a link in another spelling does not log the person out', async (t) => {
  const { logIn, go } = await setUp(t)
  const access = cookieHeader(await logIn()).replace(/latchkey-refresh=[^;]+;? ?/, '')
  for (const path of ['/REFRESH', '//refresh', '/%72efresh'])
    t.strictSame(led(await go(access, `${path}?return_to=/app`)), [303, signIn(`${host}/app`)])
})

t.test('a bad return_to is refused, and nothing else happens', async (t) => {
  const { logIn, go } = await setUp(t)
  const cookie = cookieHeader(await logIn())
  await everyRowIs(
    t,
    rowsOf([
      '/refresh',
      '/refresh?return_to=',
      '/refresh?return_to=//evil.example',
      '/refresh?return_to=https://evil.example/',
      '/refresh?return_to=%2Fa&return_to=%2Fb',
      '/refresh?return_to[]=/a',
    ]),
    [['return_to'], ['return_to'], []],
    async (url) => {
      const [good, bad] = [await go(cookie, url), await go('latchkey=x', url)]
      return [pointersOf(good), pointersOf(bad), [good, bad].flatMap(cookieChanges)]
    },
    'queries',
  )
})

t.test('a browser with a bad return_to gets a page, which shows nothing of it', async (t) => {
  const { logIn, go } = await setUp(t, { env: { SIGN_IN_URL: 'https://a.example/in?x=1&y=2' } })
  const cookie = cookieHeader(await logIn())
  const headers = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
  for (const query of ['', '?return_to=https://evil.example/<b>', '?return_to=/a&return_to=/b']) {
    const page = await go(cookie, `/refresh${query}`, headers)
    t.equal(page.statusCode, 400)
    t.match(page.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': /^default-src 'none';/,
      vary: 'accept',
    })
    t.match(page.body, '<a href="https://a.example/in?x=1&amp;y=2">Log in</a>')
    t.match(page.body, '<code>return_to</code> ')
    t.notMatch(page.body, /evil|<b>|latchkey-refresh/)
    t.strictSame(cookieChanges(page), [])
  }
  const document = await go(cookie, '/refresh', { accept: 'application/json' })
  t.match(document.headers, { 'content-type': /^application\/problem\+json/, vary: 'accept' })
})

t.test('SIGN_IN_URL may have a query, and return_to other origins', async (t) => {
  const { go } = await setUp(t, {
    env: {
      SIGN_IN_URL: 'https://www.example.com/sign-in?lang=de%20DE&x=',
      APP_URL: 'https://app.example.com',
      CORS_ORIGINS: 'https://spa.example.org',
    },
  })
  for (const page of [`${host}/a?b=1&c=2`, 'https://app.example.com/a', 'https://spa.example.org/'])
    t.equal(
      (await go('', `/refresh?return_to=${encodeURIComponent(page)}`)).headers.location,
      `https://www.example.com/sign-in?lang=de%20DE&x=&return_to=${encodeURIComponent(page)}`,
    )
})

t.test('the fifth renewal within ten seconds is a loop', async (t) => {
  const { logIn, go } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  const login = await logIn()
  const replies = [login]
  for (let count = 1; count <= 4; count++) {
    const reply = await go(cookieHeader(...replies))
    t.strictSame(led(reply), [303, `${host}/app`, ...fresh], `renewal ${count}`)
    t.equal(cookiesOf(reply)[0]?.value, String(count))
    replies.push(reply)
  }
  const stopped = await go(cookieHeader(...replies))
  const location = `${host}/login?reason=renewal_loop&return_to=${encodeURIComponent(`${host}/app`)}`
  t.strictSame(led(stopped), [303, location], 'the login is kept')

  const good = cookieHeader(login)
  await tableIs(
    t,
    [
      ['4', 'latchkey-renewals=4', location],
      ['9', 'latchkey-renewals=9', location],
      ['a planted 0 hides nothing', 'latchkey-renewals=0; latchkey-renewals=4', location],
      ...[
        '',
        '0',
        '3',
        '-4',
        '04',
        '10',
        '4.5',
        '4x',
        'NaN',
        'Infinity',
        '٤',
        '9'.repeat(4000),
      ].map((value): Case<string, unknown> => [
        value.slice(0, 10),
        `latchkey-renewals=${value}`,
        `${host}/app`,
      ]),
    ],
    async (count) => (await go(`${good}; ${count}`)).headers.location,
    'counts',
  )
})

t.test('a limit or an error is a page, and the cookies are kept', async (t) => {
  let failure: Error | null = null
  const { logIn, go, log } = await setUp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (failure !== null) throw failure
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  const cookie = cookieHeader(await logIn())
  const expectPage = async (status: number, title: string, wait: RegExp | undefined) => {
    const reply = await go(cookie)
    t.match(reply.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'content-security-policy': /^default-src 'none';style-src 'sha256-/,
    })
    t.equal(reply.statusCode, status)
    t.match(reply.headers['retry-after'], wait)
    t.match(reply.body, `<h1>${title}</h1>`)
    t.match(reply.body, String(reply.headers['x-request-id']))
    t.equal(reply.headers['set-cookie'], undefined)
    return reply
  }
  failure = new Problem('unavailable', { cause: new Error('away') })
  await expectPage(503, 'The service is not available', /^2$/)
  failure = new Error('canary')
  t.notMatch((await expectPage(500, 'Something went wrong on our side', undefined)).body, 'canary')
  t.match(
    log().flatMap(({ msg }) => (msg === 'request' || msg === 'audit' ? [] : [msg])),
    ['database unavailable', 'internal error'],
  )
  failure = null
  for (let calls = 2; calls < limits['refresh-account'].calls; calls++) await go(cookie)
  const limited = await expectPage(429, 'Too many requests', /^\d\d?$/)
  t.match(limited.headers['ratelimit-policy'], '"refresh-account";q=60;w=60')
  t.match(log().at(-2), { event: 'limit.hit', token_type: 'Cookie' })
})

// A foreign page can navigate to, or embed, this URL. A browser adds cookies to a navigation, and
// from a sibling sub-domain to an embedded request too (SameSite compares sites).
t.test('a foreign page gains nothing', async (t) => {
  const { logIn, go } = await setUp(t)
  const cookie = cookieHeader(await logIn())
  const from = (site: string, mode: string, dest: string) => ({
    'sec-fetch-site': site,
    'sec-fetch-mode': mode,
    'sec-fetch-dest': dest,
    ...(mode === 'cors' && { origin: 'https://evil.example' }),
  })
  await everyRowIs(
    t,
    [
      ['image', from('cross-site', 'no-cors', 'image')],
      ['frame', from('cross-site', 'navigate', 'iframe')],
      ['fetch', from('cross-site', 'cors', 'empty')],
      ['form', from('cross-site', 'navigate', 'document')],
    ] as const,
    [303, signIn(`${host}/app`)],
    async (headers) => led(await go('', '/refresh?return_to=/app', headers)),
    'cross-site requests have no cookies: none is set or cleared',
  )
  const embedded = await go(cookie, '/refresh?return_to=/app', from('same-site', 'cors', 'empty'))
  t.strictSame(led(embedded), [303, `${host}/app`, ...fresh], 'the own cookies are renewed')
  t.strictSame(
    [
      'access-control-allow-origin',
      'access-control-allow-credentials',
      'cross-origin-resource-policy',
      'x-frame-options',
      'referrer-policy',
    ].map((name) => embedded.headers[name]),
    [undefined, undefined, 'same-origin', 'DENY', 'no-referrer'],
    'a page cannot read or frame the reply',
  )
  t.notMatch(embedded.body + String(embedded.headers.location), 'eyJ')

  // The images of a page of a sibling sub-domain must not use up the refreshes of the account.
  let jar = [embedded]
  const places: unknown[] = []
  for (let calls = 0; calls < 10; calls++) {
    const reply = await go(`${cookie}; ${cookieHeader(...jar)}`)
    places.push(String(reply.headers.location).replace(/\?.*/, ''))
    jar = [...jar, reply]
  }
  t.strictSame(places, [
    ...Array<string>(3).fill(`${host}/app`),
    ...Array<string>(7).fill(`${host}/login`),
  ])
  const forged = await go(cookie, '/refresh?return_to=/app', {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
  })
  t.strictSame(led(forged), [303, `${host}/app`, ...fresh], 'Host decides nothing')
})

t.test('HEAD is GET without a body, and other methods stay', async (t) => {
  const { logIn, call, go } = await setUp(t)
  const cookie = cookieHeader(await logIn())
  const head = await call('HEAD', '/refresh?return_to=/app', { headers: { cookie } })
  t.strictSame([led(head), head.body], [led(await go(cookie)), ''])
  const none = await call('HEAD', '/refresh?return_to=/app')
  t.strictSame([led(none), none.body], [[303, signIn(`${host}/app`)], ''])
  const put = await call('PUT', '/refresh?return_to=/app')
  t.strictSame([outcome(put), put.headers.allow], ['405 method_not_allowed', 'GET, HEAD, POST'])
})

t.test('over https, under a path that a proxy strips or passes on', async (t) => {
  const { logIn, go } = await setUp(t, {
    env: { PUBLIC_URL: 'https://id.example.com/auth', COOKIE_SAMESITE: 'Strict' },
  })
  const login = await logIn()
  for (const prefix of ['', '/auth', '//auth', '/%61uth']) {
    const reply = await go(cookieHeader(login), `${prefix}/refresh?return_to=/app?a=/auth/b&c`)
    t.equal(reply.headers.location, 'https://id.example.com/app?a=/auth/b&c')
    t.strictSame(
      cookiesOf(reply).map(({ name, attributes }) => `${name}; ${attributes}`),
      [
        'latchkey-renewals; Max-Age=10; Path=/auth/refresh; HttpOnly; Secure; SameSite=Strict',
        '__Host-latchkey; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Strict',
        '__Secure-latchkey-refresh; Max-Age=2592000; Path=/auth/refresh; HttpOnly; Secure; SameSite=Strict',
      ],
    )
    t.equal(
      (await go('', `${prefix}/refresh?return_to=/app`)).headers.location,
      `https://id.example.com/auth/login?return_to=${encodeURIComponent('https://id.example.com/app')}`,
    )
  }
})
