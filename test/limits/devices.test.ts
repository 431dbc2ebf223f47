import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { deviceSeconds } from '../../src/tokens/lifetimes.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  headerNames,
  problem,
  type TestOptions,
} from '../helper.js'
import { decode } from '../support/forge.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const next = `${goodPassword}-too`
const free = limits['password-device'].free

/** A server behind a proxy, so that a test can come from as many networks as it likes. */
async function setUp(t: Test, options: TestOptions = {}) {
  const test = await buildTestApp(t, {
    ...options,
    env: { TRUST_PROXY: '127.0.0.1', ...options.env },
  })
  const login = async (email: string, password: string, from: string, cookie = '') =>
    await test.call('POST', '/login', {
      body: { email, password },
      headers: { 'x-forwarded-for': from, ...(cookie && { cookie }) },
    })
  const cookieOf = ({ headers }: { headers: Record<string, unknown> }) =>
    String(headers['set-cookie']).split(';')[0] ?? ''
  /** Many networks guess; answers how many guesses were compared. */
  const attack = async (email: string, networks: number) => {
    const replies = await Promise.all(
      Array.from(
        { length: networks },
        async (_, index) => await login(email, 'wrong', `100.64.${index >> 8}.${index & 255}`),
      ),
    )
    return replies.filter(({ statusCode }) => statusCode === 401).length
  }
  return { ...test, login, cookieOf, attack }
}

t.test(
  'while a thousand networks guess, the owner gets in where they were in before, and by the mailbox everywhere',
  async (t) => {
    const { login, cookieOf, attack, signup, call, nextMail } = await setUp(t, {
      env: { LOG_LEVEL: 'warn' },
    })
    const { user } = await signup()
    let cookie = cookieOf(await login(user.email, goodPassword, '198.51.100.1'))
    t.equal(await attack(user.email, 1000), limits['password-email'].free + 1)
    for (let round = 0; round < 20; round++) {
      const [, reply] = await Promise.all([
        login(user.email, 'wrong', `203.0.113.${round}`),
        login(user.email, goodPassword, `198.51.100.${round}`, cookie),
      ])
      t.equal(reply.statusCode, 200)
      if (round % 2) cookie = cookieOf(reply)
    }
    const reply = problem(
      t,
      await login(user.email, goodPassword, '198.51.100.1'),
      429,
      'rate_limited',
    )
    t.match(reply, { code: 'rate_limited' }, 'without the token the owner is a stranger')

    await call('POST', '/password/forgot', { body: { email: user.email } })
    const token = /#token=([\w.-]+)/.exec((await nextMail(user.email, 'Reset')).text)?.[1]
    const reset = await call('POST', '/password/reset', { body: { token, new_password: next } })
    t.equal(reset.statusCode, 204)
    t.equal((await login(user.email, next, '198.51.100.77')).statusCode, 200, 'the counts are gone')
    await attack(user.email, 100)
    problem(t, await login(user.email, next, '198.51.100.77'), 429, 'rate_limited')
    t.equal(
      (await login(user.email, next, '198.51.100.77', cookieOf(reset))).statusCode,
      200,
      'and whoever has read the mail is no stranger',
    )
  },
)

t.test(
  'a stolen device token opens nothing, has few guesses, and takes none from other devices',
  async (t) => {
    const { login, cookieOf, signup, call } = await setUp(t)
    const { user } = await signup()
    const [stolen, own] = [
      cookieOf(await login(user.email, goodPassword, '198.51.100.1')),
      cookieOf(await login(user.email, goodPassword, '198.51.100.2')),
    ]
    const token = stolen.split('=')[1] ?? ''
    t.equal((await call('GET', '/me', { token })).statusCode, 401)
    t.equal((await call('POST', '/refresh', { body: { refresh_token: token } })).statusCode, 401)
    const guesses = await Promise.all(
      Array.from(
        { length: 100 },
        async () => await login(user.email, 'wrong', '203.0.113.1', stolen),
      ),
    )
    t.equal(
      guesses.filter(({ statusCode }) => statusCode === 401).length,
      free + 1 + limits['password-email-network'].free + 1,
      'its own, then those of any stranger',
    )
    t.match(
      (await login(user.email, goodPassword, '203.0.113.1', stolen)).headers.ratelimit,
      /^"password-email-network";r=0;t=\d+$/,
    )
    t.equal((await login(user.email, goodPassword, '198.51.100.2', own)).statusCode, 200)
    t.equal(
      (await login(user.email, goodPassword, '198.51.100.3')).statusCode,
      200,
      'nor from strangers',
    )
  },
)

t.test(
  'whoever collects device tokens has no more guesses in all, and cannot keep the owner out, with a token or without one',
  async (t) => {
    const { login, cookieOf, signup } = await setUp(t)
    const { user } = await signup()
    let compared = 0
    const cookies = []
    for (let index = 0; index < 20; index++)
      cookies.push(cookieOf(await login(user.email, goodPassword, '198.51.100.1')))
    const own = cookieOf(await login(user.email, goodPassword, '198.51.100.2'))
    for (const cookie of cookies)
      for (let index = 0; index < 5; index++)
        if ((await login(user.email, 'wrong', '198.51.100.1', cookie)).statusCode === 401)
          compared++
    t.equal(
      compared,
      limits['password-devices'].free + 1 + limits['password-email-network'].free + 1,
    )
    t.match(
      (await login(user.email, goodPassword, '198.51.100.1', cookies[0])).headers.ratelimit,
      /^"password-email-network";/,
    )
    for (const cookie of ['', own])
      t.equal((await login(user.email, goodPassword, '198.51.100.2', cookie)).statusCode, 200)
    t.equal(
      (await login(user.email, 'wrong', '198.51.100.2', own)).statusCode,
      401,
      'and counts as a stranger',
    )
    problem(t, await login(user.email, goodPassword, '198.51.100.1'), 429, 'rate_limited')
  },
)

t.test(
  'what is no device token of the address makes a stranger, and nothing tells the difference',
  async (t) => {
    const { login, cookieOf, signup, time } = await setUp(t)
    const [ada, eve] = [(await signup()).user, await signup()]
    const own = cookieOf(await login(ada.email, goodPassword, '198.51.100.1'))
    const bare = await login(ada.email, 'wrong', '198.51.100.1')
    const others = [
      cookieOf(await login(eve.user.email, goodPassword, '198.51.100.1')),
      `${own}x`,
      own.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      `latchkey-device=${eve.access_token}`,
      'latchkey-device=',
      'latchkey-device',
      'latchkey-device="',
      'latchkey-device=%',
      `latchkey-device=${'x'.repeat(5000)}`,
      'a=b',
    ]
    for (const cookie of [...others, own]) {
      for (const email of [ada.email, 'nobody@example.org']) {
        const reply = await login(email, 'wrong', `203.0.113.${others.indexOf(cookie) + 1}`, cookie)
        problem(t, reply, 401, 'invalid_credentials')
        t.strictSame(headerNames(reply), headerNames(bare), cookie)
      }
    }
    for (let index = 0; index < 60; index++)
      await login(ada.email, 'wrong', `2001:db8:0:${index.toString(16)}::1`)
    for (const cookie of others)
      problem(t, await login(ada.email, goodPassword, '192.0.2.99', cookie), 429, 'rate_limited')
    t.equal(
      (await login(ada.email, goodPassword, '192.0.2.99', `a=b; ${own}; c=d`)).statusCode,
      200,
    )
    time.now += (deviceSeconds + 31) * 1000
    problem(t, await login(ada.email, goodPassword, '192.0.2.99', own), 429, 'rate_limited')
  },
)

t.test('the cookie fits the URL that the browser sees', async (t) => {
  const rows = [
    [
      'http://localhost:3000',
      /^latchkey-device=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/,
    ],
    [
      'https://auth.example.org',
      /^__Host-latchkey-device=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    ],
    [
      'https://example.org/auth',
      /^__Secure-latchkey-device=[\w.-]+; Max-Age=2592000; Path=\/auth; HttpOnly; Secure; SameSite=Strict$/,
    ],
  ] as const
  for (const [publicUrl, expected] of rows) {
    const { signup, call, cookieOf, ring } = await setUp(t, { env: { PUBLIC_URL: publicUrl } })
    const { user, access_token: token } = await signup()
    const login = await call('POST', '/login', {
      body: { email: user.email, password: goodPassword },
    })
    const signedUp = await call('POST', '/signup', {
      body: { email: 'new@example.org', password: goodPassword },
    })
    const changed = await call('POST', '/password/change', {
      token,
      body: { current_password: goodPassword, new_password: next },
    })
    for (const { headers } of [login, signedUp, changed]) t.match(headers['set-cookie'], expected)
    t.notOk(
      (await call('POST', '/refresh', { body: { refresh_token: login.json().refresh_token } }))
        .headers['set-cookie'],
      'only where a password was given',
    )
    const { header, payload } = decode(cookieOf(login).split('=')[1] ?? '')
    t.match(header, { typ: 'device+jwt', kid: ring.signingKey().kid })
    t.strictSame(
      Object.keys(payload).sort(),
      ['aud', 'bind', 'exp', 'iat', 'iss', 'jti'],
      'nothing of the person',
    )
    t.notOk(JSON.stringify(payload).includes(user.email))
  }
})

/** Servers with each of the cookie's names, and the names that count there. */
const names: Array<[publicUrl: string, name: string, taken: string[]]> = [
  ['http://localhost:3000', 'latchkey-device', []],
  ['https://auth.example.org', '__Host-latchkey-device', ['__Secure-latchkey-device']],
  ['https://example.org/auth', '__Secure-latchkey-device', []],
]

t.test(
  'a cookie of the name that somebody else set does not hide that of the owner, whatever comes first',
  async (t) => {
    for (const [publicUrl, name, formerNames] of names) {
      const { login, cookieOf, attack, signup } = await setUp(t, {
        env: { PUBLIC_URL: publicUrl, LOG_LEVEL: 'warn' },
      })
      const [ada, eve] = [(await signup()).user, (await signup()).user]
      const own = cookieOf(await login(ada.email, goodPassword, '198.51.100.1'))
      const [, token = ''] = own.split('=')
      const others = [
        cookieOf(await login(eve.email, goodPassword, '198.51.100.1')),
        `${own}x`,
        `${name}=`,
        `${name}=x.y.z`,
        name,
        `${name}=%`,
        `${name}="`,
      ]
      await attack(ada.email, 100)
      let networks = 0
      const accepted = async (cookie: string) =>
        (await login(ada.email, goodPassword, `192.0.2.${networks++}`, cookie)).statusCode === 200
      for (const cookies of [
        [...others, own],
        [own, ...others],
        [...others.slice(0, 3), own, ...others.slice(3)],
      ])
        for (const separator of ['; ', ';', ' ; '])
          t.ok(await accepted(cookies.join(separator)), `${publicUrl} ${cookies.indexOf(own)}`)
      for (const former of formerNames) {
        t.ok(await accepted(`${former}=${token}`), `${former} still counts`)
        t.ok(
          await accepted(
            [...Array.from({ length: 50 }, (_, index) => `${former}=a.b.${index}`), own].join('; '),
          ),
          'and comes last',
        )
      }
      for (const wrong of [
        'latchkey-device',
        '__Secure-latchkey-device',
        '__Host-latchkey-device',
        'x-latchkey-device',
        name.toUpperCase(),
      ].filter((one) => one !== name && !formerNames.includes(one)))
        t.notOk(await accepted(`${wrong}=${token}`), `${publicUrl} ${wrong}`)
      const seven = Array.from({ length: 7 }, (_, index) => `${name}=a.b.${index}`)
      t.ok(await accepted([...seven, own].join('; ')), 'the eighth is looked at')
      t.ok(await accepted([...seven, ...seven, own].join('; ')), 'the same one again costs nothing')
      t.notOk(await accepted([...seven, `${name}=a.b.7`, own].join('; ')), 'the ninth is not')
    }
  },
)

t.test(
  'a cookie of somebody else whose guesses are used up does not hide that of the owner',
  async (t) => {
    const { login, cookieOf, attack, signup } = await setUp(t)
    const { user } = await signup()
    const [planted, own] = [
      cookieOf(await login(user.email, goodPassword, '198.51.100.1')),
      cookieOf(await login(user.email, goodPassword, '198.51.100.2')),
    ]
    for (let index = 0; index <= free; index++)
      await login(user.email, 'wrong', `203.0.113.${index}`, planted)
    await attack(user.email, 100)
    problem(t, await login(user.email, goodPassword, '198.51.100.3', planted), 429, 'rate_limited')
    t.equal(
      (await login(user.email, goodPassword, '198.51.100.3', `${planted}; ${own}`)).statusCode,
      200,
    )
  },
)

t.test(
  'with the cookie of the sign-up the owner always gets in, while a thousand networks guess',
  async (t) => {
    const { attack, call, cookieOf, login } = await setUp(t, { env: { LOG_LEVEL: 'warn' } })
    const email = 'ada@example.org'
    const cookie = cookieOf(
      await call('POST', '/signup', { body: { email, password: goodPassword } }),
    )
    for (let round = 0; round < 3; round++) {
      await attack(email, 300)
      problem(t, await login(email, goodPassword, '198.51.100.1'), 429, 'rate_limited')
      for (let index = 0; index < 15; index++)
        t.equal((await login(email, goodPassword, `198.51.100.${index}`, cookie)).statusCode, 200)
      mock.timers.tick(3600 * 1000)
    }
  },
)
