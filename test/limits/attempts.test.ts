import { randomUUID } from 'node:crypto'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Problem } from '../../src/errors.js'
import { limits } from '../../src/limits/table.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  headerNames,
  problem,
  type TestApp,
  type TestOptions,
} from '../helper.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const next = `${goodPassword}-too`
const {
  'password-email-network': atOnePlace,
  'password-email': everywhere,
  'password-network': ofOneNetwork,
} = limits
const statuses = (replies: Array<{ statusCode: number }>) =>
  replies.reduce<Record<number, number>>(
    (found, { statusCode }) => ({ ...found, [statusCode]: (found[statusCode] ?? 0) + 1 }),
    {},
  )

async function setUp(t: Test, options: TestOptions = {}) {
  const test = await buildTestApp(t, options)
  const login = async (email: string, password: string, from = '192.0.2.1', headers = {}) =>
    await test.app.inject({
      method: 'POST',
      url: '/login',
      payload: { email, password },
      remoteAddress: from,
      headers,
    })
  const guess = async (count: number, email: string, from?: string) =>
    await Promise.all(
      Array.from({ length: count }, async (_, index) => await login(email, `wrong ${index}`, from)),
    )
  return { ...test, login, guess }
}

/** Every way to give the password of an account but the login. */
const confirmations: Record<
  string,
  (test: TestApp, token: string, password: string) => Promise<Awaited<ReturnType<TestApp['call']>>>
> = {
  'POST /password/change': async ({ call }, token, password) =>
    await call('POST', '/password/change', {
      token,
      body: { current_password: password, new_password: next },
    }),
  'POST /email/change': async ({ call }, token, password) =>
    await call('POST', '/email/change', {
      token,
      body: { new_email: `${randomUUID()}@example.org`, password },
    }),
  'DELETE /me': async ({ call }, token, password) =>
    await call('DELETE', '/me', { token, body: { password } }),
}

t.test('many guesses', async (t) => {
  const many = 1000
  const hashed: Array<string | null> = []
  const { login, guess, signup, call } = await setUp(t, {
    env: { LOG_LEVEL: 'warn' },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findByEmail: async (email) => {
          hashed.push(email)
          return await store.accounts.findByEmail(email)
        },
      },
    }),
  })
  const { user } = await signup()

  await t.test(
    'of many guesses at once few get through, and the right password is refused as well, for an address with and without an account alike',
    async (t) => {
      const found = []
      for (const [email, from] of [
        [user.email, '192.0.2.1'],
        ['nobody@example.org', '192.0.2.2'],
      ] as const) {
        hashed.length = 0
        const replies = await guess(many, email, from)
        t.strictSame(statuses(replies), {
          401: atOnePlace.free + 1,
          429: many - atOnePlace.free - 1,
        })
        t.equal(hashed.length, atOnePlace.free + 1, 'nothing is looked up or hashed for the others')
        const reply = await login(email.toUpperCase(), goodPassword, from)
        const { request_id: _, ...body } = problem(t, reply, 429, 'rate_limited')
        const wait = Number(reply.headers['retry-after'])
        t.ok(Number.isInteger(wait) && wait > 0 && wait <= atOnePlace.firstWait, String(wait))
        t.equal(reply.headers.ratelimit, `"password-email-network";r=0;t=${wait}`)
        t.equal(
          reply.headers['ratelimit-policy'],
          `"password-email-network";q=${atOnePlace.free};w=${atOnePlace.seconds}`,
        )
        found.push([body, headerNames(reply)])
      }
      t.strictSame(found[0], found[1])
    },
  )

  await t.test(
    'elsewhere the owner is not stopped by that, and another login not by this',
    async (t) => {
      t.equal((await login(user.email, goodPassword, '198.51.100.1')).statusCode, 200)
      problem(t, await login('else@example.org', goodPassword), 401, 'invalid_credentials')
      t.equal((await call('GET', '/health/live')).statusCode, 200)
    },
  )
})

t.test('guesses from many networks are stopped together', async (t) => {
  const { login, signup } = await setUp(t)
  const { user } = await signup()
  const guesses = await Promise.all(
    Array.from(
      { length: 60 },
      async (_, index) => await login(user.email, 'wrong', `2001:db8:0:${index.toString(16)}::1`),
    ),
  )
  t.strictSame(statuses(guesses), { 401: everywhere.free + 1, 429: 60 - everywhere.free - 1 })
  t.match(
    (await login(user.email, goodPassword, '2001:db8:1::1')).headers.ratelimit,
    /^"password-email";/,
  )
})

t.test(
  'one network is stopped, whatever addresses it makes up and whatever it says of itself',
  async (t) => {
    const { login } = await setUp(t)
    const guesses = await Promise.all(
      Array.from(
        { length: 300 },
        async (_, index) =>
          await login(`${index}@example.org`, 'wrong', `2001:db8:1:2::${index.toString(16)}`, {
            'x-forwarded-for': `203.0.113.${index % 250}`,
            'x-real-ip': '203.0.113.1',
            forwarded: 'for=203.0.113.1',
          }),
      ),
    )
    t.strictSame(statuses(guesses), { 401: ofOneNetwork.calls, 429: 300 - ofOneNetwork.calls })
    t.match(
      (await login('new@example.org', 'wrong', '2001:db8:1:2::1')).headers.ratelimit,
      /^"password-network";r=0;t=\d+$/,
    )
    t.equal(
      (await login('new@example.org', 'wrong', '2001:db8:1:3::1')).statusCode,
      401,
      'another network',
    )
  },
)

t.test('a stranger that rotates X-Forwarded-For a thousand times is one network', async (t) => {
  const { app } = await setUp(t, { env: { LOG_LEVEL: 'warn' } })
  const replies = await Promise.all(
    Array.from(
      { length: 1000 },
      async (_, index) =>
        await app.inject({
          method: 'POST',
          url: '/login',
          payload: { email: 'ada@example.org', password: 'wrong' },
          headers: { 'x-forwarded-for': `203.0.${index >> 8}.${index & 255}` },
        }),
    ),
  )
  t.strictSame(statuses(replies), { 401: atOnePlace.free + 1, 429: 1000 - atOnePlace.free - 1 })
})

t.test(
  'every way to give the password counts with the login, and a refresh ends no count',
  async (t) => {
    const test = await setUp(t)
    for (const [name, confirm] of Object.entries(confirmations)) {
      const { user, access_token: token, refresh_token: refreshToken } = await test.signup()
      const ways = [
        async () => await confirm(test, token, 'wrong'),
        async () => await test.login(user.email, 'wrong', '127.0.0.1'),
      ]
      for (let index = 0; index <= atOnePlace.free; index++) {
        const { statusCode } = (await ways[index % 2]?.()) ?? {}
        t.equal(statusCode, index % 2 ? 401 : 403, `${name} ${index}`)
        t.equal(
          (await test.call('POST', '/refresh', { body: { refresh_token: refreshToken } }))
            .statusCode,
          200,
        )
      }
      problem(t, await test.login(user.email, goodPassword, '127.0.0.1'), 429, 'rate_limited')
      for (const other of Object.values(confirmations))
        problem(t, await other(test, token, goodPassword), 429, 'rate_limited')
    }
  },
)

t.test('success ends the count, on every way', async (t) => {
  const test = await setUp(t)
  for (const confirm of [
    async (email: string) => await test.login(email, goodPassword, '127.0.0.1'),
    async (_: string, token: string) =>
      await confirmations['POST /email/change']?.(test, token, goodPassword),
  ]) {
    const { user, access_token: token } = await test.signup()
    // Twice: what a network may guess at all is not ended by one success.
    for (let round = 0; round < 2; round++) {
      t.strictSame(statuses(await test.guess(atOnePlace.free - 1, user.email, '127.0.0.1')), {
        401: atOnePlace.free - 1,
      })
      t.match((await confirm(user.email, token))?.statusCode, /^20[02]$/)
    }
  }
})

t.test(
  'a right password from elsewhere gives strangers no more guesses, and they do not see it',
  async (t) => {
    // At once, and spread over a day, which is when a wait has often ended.
    for (const secondsBetween of [0, (24 * 3600) / 300]) {
      const seen = []
      for (const ownerLogsIn of [true, false]) {
        const { login, signup } = await setUp(t, { env: { LOG_LEVEL: 'warn' } })
        const { user } = await signup()
        const answers = []
        let logins = 0
        for (let index = 0; index < 300; index++) {
          const { statusCode, headers } = await login(
            user.email,
            'wrong',
            `2001:db8:${index.toString(16)}::1`,
          )
          answers.push([
            statusCode,
            headers['retry-after'],
            headers.ratelimit,
            headers['ratelimit-policy'],
          ])
          mock.timers.tick(secondsBetween * 1000)
          if (ownerLogsIn && index % 25 === 24) {
            const reply = await login(user.email, goodPassword, '198.51.100.1')
            if (reply.statusCode === 200) logins++
            else problem(t, reply, 429, 'rate_limited')
          }
        }
        const compared = answers.filter(([status]) => status === 401).length
        t.ok(compared > everywhere.free && compared <= 99, `${compared} compared`)
        t.ok(!ownerLogsIn || logins > 0, `the owner got in ${logins} times`)
        seen.push(answers)
      }
      t.strictSame(seen[0], seen[1], 'the same answers, whether the owner was there or not')
    }
  },
)

t.test('an owner who logs in often is never refused, while nobody guesses', async (t) => {
  const { login, signup, guess } = await setUp(t)
  const { user } = await signup()
  t.strictSame(statuses(await guess(everywhere.free, user.email, '2001:db8:1::1')), {
    401: atOnePlace.free + 1,
    429: everywhere.free - atOnePlace.free - 1,
  })
  for (let index = 0; index < 100; index++)
    t.equal(
      (await login(user.email, goodPassword, `2001:db8:2:${index.toString(16)}::1`)).statusCode,
      200,
    )
})

t.test('what fails for another reason does not count', async (t) => {
  let away = true
  const { login, signup } = await setUp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findByEmail: async (email) => {
          if (away) throw new Problem('unavailable')
          return await store.accounts.findByEmail(email)
        },
      },
    }),
  })
  const { user } = await signup()
  for (let index = 0; index < 3 * atOnePlace.free; index++)
    problem(t, await login(user.email, goodPassword), 503, 'unavailable')
  away = false
  t.equal((await login(user.email, goodPassword)).statusCode, 200)
})

t.test('many right logins at once from one network', async (t) => {
  const { login, signup } = await setUp(t)
  const people = await Promise.all(Array.from({ length: 10 }, async () => await signup()))
  for (let round = 0; round < 2; round++) {
    const replies = await Promise.all(
      people.flatMap(({ user }) =>
        Array.from({ length: 6 }, async () => await login(user.email, goodPassword)),
      ),
    )
    t.strictSame(statuses(replies), { 200: 60 }, 'success is no failure')
  }
})

t.test('sign-ups from one network are limited', async (t) => {
  const { call } = await setUp(t)
  const { calls } = limits['signup-network']
  const replies = []
  for (let index = 0; index <= calls; index++)
    replies.push(
      await call('POST', '/signup', {
        body: { email: `${index}@example.org`, password: index % 2 ? goodPassword : 'weak' },
      }),
    )
  const last = replies.pop()
  t.strictSame(statuses(replies), { 201: calls / 2, 422: calls / 2 })
  t.match(problem(t, last as (typeof replies)[number], 429, 'rate_limited'), { status: 429 })
})

t.test('off', async (t) => {
  const { login, guess, signup } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  const { user } = await signup()
  t.strictSame(statuses(await guess(60, user.email)), { 401: 60 })
  const reply = await login(user.email, goodPassword)
  t.strictSame([reply.statusCode, reply.headers['set-cookie']], [200, undefined])
})
