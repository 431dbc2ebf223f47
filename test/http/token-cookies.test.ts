import t from 'tap'
import { buildTestApp, goodPassword, problem } from '../helper.js'
import { cookieOf, from, keep, setCookies, signupByCookie } from '../support/cookie-client.js'
import { decode } from '../support/forge.js'
import { exchange, listen } from '../support/raw-socket.js'

const life = 'Max-Age=2592000'

t.test('the attributes of the cookies, by PUBLIC_URL and settings', async (t) => {
  const rows: Array<[Record<string, string>, string[]]> = [
    [
      { PUBLIC_URL: 'https://id.example.com' },
      [
        `__Host-latchkey=…; ${life}; Path=/; HttpOnly; Secure; SameSite=Lax`,
        `__Secure-latchkey-refresh=…; ${life}; Path=/refresh; HttpOnly; Secure; SameSite=Lax`,
      ],
    ],
    [
      { PUBLIC_URL: 'https://example.com/auth', COOKIE_SAMESITE: 'Strict' },
      [
        `__Host-latchkey=…; ${life}; Path=/; HttpOnly; Secure; SameSite=Strict`,
        `__Secure-latchkey-refresh=…; ${life}; Path=/auth/refresh; HttpOnly; Secure; SameSite=Strict`,
      ],
    ],
    [
      { PUBLIC_URL: 'https://id.example.com', COOKIE_DOMAIN: 'example.com' },
      [
        `__Secure-latchkey=…; ${life}; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax`,
        `__Secure-latchkey-refresh=…; ${life}; Path=/refresh; HttpOnly; Secure; SameSite=Lax`,
      ],
    ],
    [
      { PUBLIC_URL: 'http://localhost:3000' },
      [
        `latchkey=…; ${life}; Path=/; HttpOnly; SameSite=Lax`,
        `latchkey-refresh=…; ${life}; Path=/refresh; HttpOnly; SameSite=Lax`,
      ],
    ],
    [
      { PUBLIC_URL: 'http://localhost:3000/auth/v1', REFRESH_TOKEN_SECONDS: '60' },
      [
        'latchkey=…; Max-Age=60; Path=/; HttpOnly; SameSite=Lax',
        'latchkey-refresh=…; Max-Age=60; Path=/auth/v1/refresh; HttpOnly; SameSite=Lax',
      ],
    ],
  ]
  for (const [env, expected] of rows) {
    const built = await buildTestApp(t, { env })
    const { jar, reply } = await signupByCookie(built)
    const name = JSON.stringify(env)
    t.strictSame(
      setCookies(reply).filter((text) => !text.includes('device')),
      expected,
      name,
    )
    t.match(setCookies(reply), [/latchkey-device/], 'and the device, as with tokens in the body')
    const headers = { cookie: cookieOf(jar), ...from(new URL(built.config.PUBLIC_URL).origin) }
    t.equal((await built.call('GET', '/claims', { headers })).statusCode, 200, name)
    // A cookie is removed only with the name, the domain and the path that it was set with.
    const ended = await built.call('POST', '/logout/everywhere', { headers })
    t.equal(ended.statusCode, 204)
    t.strictSame(
      setCookies(ended),
      expected.map((text) => text.replace('…', '').replace(/Max-Age=\d+/, 'Max-Age=0')),
      `${name}: removed`,
    )
  }
})

t.test('the cookies of the longest PUBLIC_URL are small enough for every browser', async (t) => {
  const PUBLIC_URL = `https://id.example.com/${'x'.repeat(477)}`
  const { jar } = await signupByCookie(await buildTestApp(t, { env: { PUBLIC_URL } }))
  for (const pair of jar) t.ok(cookieOf([pair]).length < 4096, `${pair[0]} ${pair[1].length}`)
  const usual = await signupByCookie(await buildTestApp(t))
  t.ok(cookieOf(usual.jar).length < 4096, 'all together, with a usual PUBLIC_URL')
})

t.test('each route that returns tokens can put them into cookies', async (t) => {
  const built = await buildTestApp(t)
  const { call, nextMail, time } = built
  const own = from('http://localhost:3000')
  const { jar, reply: created } = await signupByCookie(built)
  const { user } = created.json()
  const shape = { token_type: 'Cookie', expires_in: 600, refresh_expires_in: 2_592_000, user }
  t.strictSame([created.statusCode, created.json()], [201, shape])
  t.equal(created.headers.location, '/me')

  const login = await call('POST', '/login', {
    body: { email: user.email, password: goodPassword, transport: 'cookie' },
    headers: own,
  })
  t.strictSame([login.statusCode, login.json()], [200, shape])
  time.now += 60_000
  const before = cookieOf(jar)
  const refreshed = await call('POST', '/refresh', { headers: { cookie: before, ...own } })
  t.strictSame([refreshed.statusCode, refreshed.json()], [200, shape])
  keep(jar, refreshed)
  t.not(cookieOf(jar), before, 'new tokens')
  t.equal(
    decode(String(jar.get('latchkey'))).payload.sid,
    decode(String(jar.get('latchkey-refresh'))).payload.sid,
  )
  const changed = await call('POST', '/password/change', {
    body: { current_password: goodPassword, new_password: `${goodPassword}-2` },
    headers: { cookie: cookieOf(jar), ...own },
  })
  t.strictSame([changed.statusCode, changed.json()], [200, shape], 'without a transport')
  keep(jar, changed)
  t.equal(
    (await call('POST', '/refresh', { headers: { cookie: cookieOf(jar), ...own } })).statusCode,
    200,
    'with the cookies of the change',
  )
  for (const reply of [created, login, refreshed, changed])
    t.notMatch(reply.body, /eyJ/, 'no token in a body')

  const first = await buildTestApp(t, { env: { SIGNUP_MODE: 'verify_first' } })
  const pending = await signupByCookie(first, 'eve@example.org')
  t.equal(pending.reply.statusCode, 202)
  t.strictSame(setCookies(pending.reply), [], 'no cookies before the address is proven')
  const link = /#token=([\w.-]+)/.exec((await first.nextMail('eve@example.org', '')).text)?.[1]
  const verified = await first.call('POST', '/email/verify', {
    body: { token: link, transport: 'cookie' },
    headers: own,
  })
  t.strictSame([verified.statusCode, verified.json().token_type], [201, 'Cookie'])
  t.equal(
    (await first.call('GET', '/me', { headers: { cookie: cookieOf(keep(new Map(), verified)) } }))
      .statusCode,
    200,
  )
  t.ok(nextMail)
})

t.test('the way of the credentials is kept', async (t) => {
  const built = await buildTestApp(t)
  const { call, signup } = built
  const own = from('http://localhost:3000')
  const { jar } = await signupByCookie(built)
  const cookie = cookieOf(jar)
  const { access_token: token, refresh_token: refreshToken } = await signup()
  const change = { current_password: goodPassword, new_password: `${goodPassword}-2` }
  const refused = await call('POST', '/password/change', {
    token,
    body: { ...change, transport: 'cookie' },
    headers: own,
  })
  t.match(problem(t, refused, 400, 'invalid_request'), { errors: [{ pointer: '/transport' }] })
  for (const transport of ['cookies', 'Cookie', '', null, ['cookie']]) {
    const wrong = await call('POST', '/login', {
      body: { email: 'a@example.org', password: 'x', transport },
    })
    const { errors } = problem(t, wrong, 400, 'invalid_request') as { errors: object[] }
    t.strictSame(errors.at(-1), { pointer: '/transport', detail: 'must be "cookie"' })
  }
  for (const transport of ['body', 'bearer', 'Cookie', null, true, 1, [], {}])
    for (const [url, body, headers] of [
      ['/refresh', {}, { cookie, ...own }],
      ['/password/change', change, { cookie, ...own }],
      ['/login', { email: 'ada@example.org', password: goodPassword }, own],
    ] as const) {
      const reply = await call('POST', url, { body: { ...body, transport }, headers })
      t.match(
        problem(t, reply, 400, 'invalid_request'),
        { errors: [{ pointer: '/transport' }] },
        `${url} ${JSON.stringify(transport)}`,
      )
      t.equal(reply.headers['set-cookie'], undefined)
    }
  const moved = await call('POST', '/refresh', {
    body: { refresh_token: refreshToken, transport: 'cookie' },
    headers: own,
  })
  t.equal(moved.json().token_type, 'Cookie', 'a token in a body may move into cookies')
  t.notMatch(moved.body, /eyJ/)
  const both = await call('POST', '/refresh', {
    body: { refresh_token: refreshToken },
    headers: { cookie, ...own },
  })
  t.match(both.json(), { token_type: 'Bearer' }, 'the token in the body goes first')
  t.equal(decode(both.json().access_token).payload.sub, decode(refreshToken).payload.sub)
  t.equal(both.headers['set-cookie'], undefined)
})

t.test('header and cookie of two accounts are never mixed', async (t) => {
  const built = await buildTestApp(t)
  const { call, signup } = built
  const { jar, reply } = await signupByCookie(built)
  const cookie = cookieOf(jar)
  const other = await signup()
  const own = from('http://localhost:3000')
  const subject = async (headers: Record<string, string>) => {
    const { statusCode, body } = await call('GET', '/claims', { headers })
    const { sub, code } = JSON.parse(body) as { sub?: string; code?: string }
    return [statusCode, sub ?? code]
  }
  const bearer = `Bearer ${other.access_token}`
  const ada = reply.json().user.id
  const rows: Array<[Record<string, string>, unknown[]]> = [
    [{ cookie }, [200, ada]],
    [{ cookie, authorization: bearer }, [200, other.user.id]],
    [{ cookie, authorization: 'Bearer nonsense' }, [401, 'invalid_token']],
    [{ cookie, authorization: 'Bearer' }, [401, 'missing_token']],
    [{ cookie, authorization: 'DPoP' }, [401, 'missing_token']],
    [{ cookie, authorization: 'Basic YWRhOnB3' }, [200, ada]],
    [{ cookie: 'latchkey=' }, [401, 'invalid_token']],
    [{ cookie: 'latchkey' }, [401, 'missing_token']],
    [{ cookie: `Latchkey=${jar.get('latchkey')}` }, [401, 'missing_token']],
    [{ cookie: `__Host-latchkey=${jar.get('latchkey')}` }, [401, 'missing_token']],
    [{ cookie: `latchkey=${jar.get('latchkey-refresh')}` }, [401, 'invalid_token']],
  ]
  for (const [headers, expected] of rows)
    t.strictSame(await subject(headers), expected, Object.keys(headers).join())
  const patched = await call('PATCH', '/me', {
    body: { name: 'Changed' },
    headers: { cookie, authorization: bearer, ...own },
  })
  t.match(patched.json(), { id: other.user.id, name: 'Changed' })
  t.match((await call('GET', '/me', { headers: { cookie } })).json(), { id: ada, name: null })
})

t.test('of several cookies of one name each is tried, eight at most', async (t) => {
  const built = await buildTestApp(t)
  const { call, time } = built
  const { jar } = await signupByCookie(built)
  const good = `latchkey=${jar.get('latchkey')}`
  const junk = Array.from({ length: 8 }, (_, index) => `latchkey=junk${index}`)
  const status = async (cookies: string[]) =>
    (await call('GET', '/claims', { headers: { cookie: cookies.join('; ') } })).statusCode
  t.strictSame(
    [
      await status(['latchkey=x', good]),
      await status([good, 'latchkey=x']),
      await status([...junk.slice(0, 7), good]),
      await status([...junk, good]),
      await status(['a', '=b', ';', good]),
    ],
    [200, 200, 200, 401, 200],
  )
  time.now += 700_000
  t.equal(await status([good]), 401, 'an expired token')
})

// A browser takes a cookie with such a name from a sibling sub-domain, because the name does not
// begin with `__Host-`. String.trim() would remove the space before it.
t.test('a cookie whose name begins with another space is not ours', async (t) => {
  const PUBLIC_URL = 'https://id.example.com'
  const built = await buildTestApp(t, { env: { PUBLIC_URL } })
  const { jar } = await signupByCookie(built)
  const port = await listen(built.app)
  const status = async (before: string, after = '') => {
    const cookie = `a=b;${before}__Host-latchkey${after}=${jar.get('__Host-latchkey')}`
    const lines = ['GET /claims HTTP/1.1', 'Host: x', 'Connection: close', `Cookie: ${cookie}`]
    return (await exchange(port, [...lines, '', ''].join('\r\n')))[0]?.status
  }
  for (const good of ['', ' ', '\t ']) t.equal(await status(good), 200, JSON.stringify(good))
  for (const bad of ['\xa0', ' \xa0', '\xa0 ', '\x85', '\xe2\x80\x80'])
    t.strictSame([await status(bad), await status('', bad)], [401, 401], JSON.stringify(bad))
})

t.test('the cookie of a retired key opens nothing', async (t) => {
  const built = await buildTestApp(t)
  const { call, ring } = built
  const { jar } = await signupByCookie(built)
  const headers = { cookie: cookieOf(jar), ...from('http://localhost:3000') }
  const other = await buildTestApp(t)
  ring.replace([other.ring.signingKey()])
  problem(t, await call('GET', '/claims', { headers }), 401, 'invalid_token')
  const reply = await call('POST', '/refresh', { headers })
  problem(t, reply, 401, 'invalid_refresh_token')
  t.strictSame(setCookies(reply), [
    'latchkey=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax',
    'latchkey-refresh=; Max-Age=0; Path=/refresh; HttpOnly; SameSite=Lax',
  ])
})
