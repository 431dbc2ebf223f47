import t from 'tap'
import { buildTestApp, goodPassword, problem } from '../helper.js'
import { cookieOf, from, setCookies, signupByCookie } from '../support/cookie-client.js'

const own = 'http://localhost:3000'
const app = 'https://app.example.com'
const env = { CORS_ORIGINS: `${app},capacitor://localhost` }

type Headers = Record<string, string>
const site = (value: string): Headers => ({ 'sec-fetch-site': value })

/** Requests of pages that may act for the person. */
const good: Array<[name: string, headers: Headers]> = [
  ['a page of the API', from(own)],
  ['a page of CORS_ORIGINS on the same site', from(app, 'same-site')],
  ['an app of CORS_ORIGINS', { origin: 'capacitor://localhost' }],
  ['a server that acts for a browser', { origin: app }],
  ['an old browser', { origin: own }],
  ['a form of a page without a referrer', { origin: 'null', ...site('same-origin') }],
  ['a page of the same origin, without Origin', site('same-origin')],
  ['the address bar', site('none')],
]

/** Requests of everything else. */
const bad: Array<[name: string, headers: Headers]> = [
  ['curl', {}],
  ['a form of another site', { origin: 'https://evil.example', ...site('cross-site') }],
  ['a page of a sibling sub-domain', { origin: 'https://evil.example.com', ...site('same-site') }],
  ['a form without a referrer', { origin: 'null', ...site('cross-site') }],
  ['a sandboxed frame of a sibling', { origin: 'null', ...site('same-site') }],
  ['Origin null alone', { origin: 'null' }],
  ['a sibling without Origin', site('same-site')],
  ['another site without Origin', site('cross-site')],
  ['Origin decides alone', { origin: 'https://evil.example', ...site('same-origin') }],
  ['the same host over https', { origin: 'https://localhost:3000' }],
  ['another port', { origin: 'http://localhost:3001' }],
  ['the default port', { origin: 'http://localhost' }],
  ['upper case', { origin: 'http://LOCALHOST:3000' }],
  ['a trailing dot', { origin: 'http://localhost.:3000' }],
  ['a trailing slash', { origin: `${own}/` }],
  ['a path', { origin: `${own}/docs` }],
  ['a longer host', { origin: `${own}.evil.example` }],
  ['a user', { origin: 'http://localhost:3000@evil.example' }],
  ['two origins', { origin: `${own}, https://evil.example` }],
  ['two origins of ours', { origin: `${own} ${app}` }],
  ['Host as the origin', { origin: 'https://evil.example', host: 'evil.example' }],
  ['a forwarded host', { origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }],
  ['an empty origin', { origin: '' }],
  ['a made-up site', site('Same-Origin')],
  ['two sites', site('same-origin, cross-site')],
]

t.test('what a cookie may change depends on the page that sends it', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call } = built
  const { jar } = await signupByCookie(built)
  const cookie = cookieOf(jar)
  const person = { email: 'ada@example.org', password: goodPassword }
  const requests = {
    'PATCH /me': { method: 'PATCH', url: '/me', body: { name: 'x' }, status: 200 },
    'POST /refresh': { method: 'POST', url: '/refresh', body: undefined, status: 200 },
    'POST /refresh {}': { method: 'POST', url: '/refresh', body: {}, status: 200 },
    'POST /me/delete': {
      method: 'POST',
      url: '/me/delete',
      body: { password: 'wrong-password' },
      status: 403,
    },
    'POST /login': {
      method: 'POST',
      url: '/login',
      body: { ...person, transport: 'cookie' },
      status: 200,
    },
  } as const
  for (const [name, { method, url, body, status }] of Object.entries(requests)) {
    for (const [who, headers] of good) {
      const reply = await call(method, url, { headers: { cookie, ...headers }, body })
      t.equal(reply.statusCode, status, `${name}: ${who}`)
      t.not(reply.json().code, 'cross_site_request')
    }
    for (const [who, headers] of bad) {
      const reply = await call(method, url, { headers: { cookie, ...headers }, body })
      problem(t, reply, 403, 'cross_site_request')
      t.strictSame(setCookies(reply), [], `${name}: ${who}`)
    }
  }
  t.match((await call('GET', '/me', { headers: { cookie } })).json(), { name: 'x' })
  for (const [who, headers] of bad)
    t.equal(
      (await call('GET', '/claims', { headers: { cookie, ...headers } })).statusCode,
      200,
      `reading needs no check, for CORS keeps the reply: ${who}`,
    )
})

t.test('cookies cannot work for a page of another site, also an allowed one', async (t) => {
  const { call } = await buildTestApp(t, { env })
  const reply = await call('POST', '/signup', {
    body: { email: 'ada@example.org', password: goodPassword, transport: 'cookie' },
    headers: from(app, 'cross-site'),
  })
  t.match(problem(t, reply, 403, 'cross_site_request'), { detail: /different sites/ })
  t.equal(reply.headers['set-cookie'], undefined)
})

t.test('a refused request with transport cookie is not counted and hashes nothing', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call } = built
  await signupByCookie(built)
  const body = { email: 'ada@example.org', password: 'wrong-password', transport: 'cookie' }
  for (let times = 0; times < 30; times++)
    problem(
      t,
      await call('POST', '/login', { body, headers: { origin: 'https://evil.example' } }),
      403,
      'cross_site_request',
    )
  problem(t, await call('POST', '/login', { body, headers: from(own) }), 401, 'invalid_credentials')
})

t.test('clients with a header never meet the check', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call, signup } = built
  const { access_token: token, refresh_token: refreshToken } = await signup()
  for (const [who, headers] of [...good, ...bad]) {
    const patched = await call('PATCH', '/me', { token, body: { name: 'x' }, headers })
    t.equal(patched.statusCode, 200, who)
    const refreshed = await call('POST', '/refresh', {
      body: { refresh_token: refreshToken },
      headers: { cookie: 'latchkey=x; latchkey-refresh=y', ...headers },
    })
    t.equal(refreshed.statusCode, 200, who)
    t.strictSame(setCookies(refreshed), [], who)
  }
})

t.test('a form post of a foreign page sets and clears no cookie', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call } = built
  const { jar } = await signupByCookie(built)
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const text = { 'content-type': 'text/plain' }
  for (const url of ['/refresh', '/logout', '/logout/everywhere', '/login', '/me/delete'])
    for (const [who, headers] of bad)
      for (const cookie of [undefined, cookieOf(jar), 'latchkey=x'])
        for (const type of [undefined, form, text]) {
          const reply = await call('POST', url, {
            headers: { ...headers, ...(cookie !== undefined && { cookie }), ...type },
            ...(type !== undefined && { body: 'email=a&password=b' }),
          })
          t.strictSame(setCookies(reply), [], `${url}: ${who}`)
          t.ok(reply.statusCode < 500)
        }
  t.equal(
    (await call('POST', '/refresh', { headers: { cookie: cookieOf(jar), ...from(own) } }))
      .statusCode,
    200,
    'and the person is still logged in',
  )
})

t.test('a planted refresh cookie does nothing', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call } = built
  const victim = (await signupByCookie(built)).jar
  const thief = (await signupByCookie(built, 'eve@example.org')).jar
  const access = `latchkey=${victim.get('latchkey')}`
  const refresh = `latchkey-refresh=${victim.get('latchkey-refresh')}`
  const planted = `latchkey-refresh=${thief.get('latchkey-refresh')}`
  const outcome = async (...cookies: string[]) => {
    const reply = await call('POST', '/refresh', {
      headers: { cookie: cookies.join('; '), ...from(own) },
    })
    return reply.json().user?.email ?? reply.json().code
  }
  t.strictSame(
    [
      await outcome(planted),
      await outcome(access, planted),
      await outcome(planted, access, refresh),
      await outcome(access, refresh, planted),
      await outcome(refresh),
      await outcome(access),
      await outcome(`latchkey=${thief.get('latchkey')}`, refresh),
    ],
    [
      'invalid_refresh_token',
      'invalid_refresh_token',
      'ada@example.org',
      'ada@example.org',
      'invalid_refresh_token',
      'invalid_refresh_token',
      'invalid_refresh_token',
    ],
  )
  const other = await call('POST', '/login', {
    body: { email: 'ada@example.org', password: goodPassword, transport: 'cookie' },
    headers: from(own),
  })
  const second = other.cookies.find(({ name }) => name === 'latchkey-refresh')?.value
  t.equal(
    await outcome(access, `latchkey-refresh=${second}`),
    'invalid_refresh_token',
    'not even one of another login of the same account',
  )
})

t.test('the access cookie proves its login after it has expired', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call, time } = built
  const { jar } = await signupByCookie(built)
  time.now += 20 * 86_400_000
  const headers = { cookie: cookieOf(jar), ...from(own) }
  problem(t, await call('GET', '/me', { headers }), 401, 'invalid_token')
  t.equal((await call('POST', '/refresh', { headers })).statusCode, 200)
  time.now += 11 * 86_400_000
  const late = await call('POST', '/refresh', { headers })
  problem(t, late, 401, 'invalid_refresh_token')
  t.equal(setCookies(late).length, 2, 'removed, for the person must log in again')
})

t.test('cookies outlast a database that is away', async (t) => {
  let away = false
  const built = await buildTestApp(t, {
    env,
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          if (away) throw Object.assign(new Error('away'), { code: 'P1001' })
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  const { jar } = await signupByCookie(built)
  away = true
  const reply = await built.call('POST', '/refresh', {
    headers: { cookie: cookieOf(jar), ...from(own) },
  })
  t.ok(reply.statusCode >= 500)
  t.strictSame(setCookies(reply), [])
})

t.test('confirming a new address by cookie', async (t) => {
  const built = await buildTestApp(t, { env })
  const { call, nextMail, time } = built
  const { jar } = await signupByCookie(built)
  const cookie = cookieOf(jar)
  const link = async (address: string) => {
    await call('POST', '/email/change', {
      body: { new_email: address, password: goodPassword },
      headers: { cookie, ...from(own) },
    })
    return /#token=([\w.-]+)/.exec((await nextMail(address, '')).text)?.[1]
  }
  const confirm = async (body: object, headers: Headers) =>
    await call('POST', '/email/change/confirm', { body, headers: { cookie, ...headers } })
  const token = await link('new@example.org')
  problem(
    t,
    await confirm({ token }, { origin: 'https://evil.example' }),
    403,
    'cross_site_request',
  )
  t.match((await confirm({ token }, from(own))).json(), { email: 'new@example.org' })
  const next = await link('newer@example.org')
  time.now += 700_000
  problem(t, await confirm({ token: next }, from(own)), 401, 'missing_token')
  t.match(
    (await confirm({ token: next, password: goodPassword }, from(own))).json(),
    { email: 'newer@example.org' },
    'an expired cookie counts as none, so the password works',
  )
})
