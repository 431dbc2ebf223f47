import { mock } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { limits } from '../../src/limits/table.js'
import { frozenNow, goodPassword, headerNames, outcome, problem } from '../helper.js'
import { buildAttempts as setUp, confirmations, guessed } from '../support/attempts.js'
import { outcomes } from '../support/replies.js'
import { everyRowIs } from '../support/table.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const {
  'password-email-network': atOnePlace,
  'password-email': everywhere,
  'password-network': ofOneNetwork,
} = limits
t.test('many guesses', async (t) => {
  // Together they must take less than the first wait, also on a busy machine.
  const many = 200
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

  await t.test('few of many guesses at once pass, with and without an account alike', async (t) => {
    const found = []
    for (const [name, email, from] of [
      ['an account', user.email, '192.0.2.1'],
      ['no account', 'nobody@example.org', '192.0.2.2'],
    ] as const) {
      hashed.length = 0
      const replies = await guess(many, email, from)
      t.strictSame(
        outcomes(replies),
        guessed(atOnePlace.free + 1, many - atOnePlace.free - 1),
        `${name}: guesses at once`,
      )
      t.equal(hashed.length, atOnePlace.free + 1, `${name}: no look-up for the others`)
      const reply = await login(email.toUpperCase(), goodPassword, from)
      const { request_id: _, ...body } = problem(
        t,
        reply,
        429,
        'rate_limited',
        `${name}: the right password`,
      )
      const wait = Number(reply.headers['retry-after'])
      t.ok(
        Number.isInteger(wait) && wait > 0 && wait <= atOnePlace.firstWait,
        `${name}: wait ${wait}`,
      )
      t.match(
        reply.headers,
        {
          ratelimit: `"password-email-network";r=0;t=${wait}`,
          'ratelimit-policy': `"password-email-network";q=${atOnePlace.free};w=${atOnePlace.seconds}`,
        },
        `${name}: headers`,
      )
      found.push([body, headerNames(reply)])
    }
    t.strictSame(found[0], found[1], 'the refusals are alike')
  })

  await t.test('the owner elsewhere and other addresses are not refused', async (t) => {
    t.strictSame(
      [
        outcome(await login(user.email, goodPassword, '198.51.100.1')),
        outcome(await login('else@example.org', goodPassword)),
        outcome(await call('GET', '/health/live')),
      ],
      ['200', '401 invalid_credentials', '200'],
      'the owner, another address, another route',
    )
  })
})

t.test('guesses from many networks count together', async (t) => {
  const { login, signup } = await setUp(t)
  const { user } = await signup()
  const guesses = await Promise.all(
    Array.from(
      { length: 60 },
      async (_, index) => await login(user.email, 'wrong', `2001:db8:0:${index.toString(16)}::1`),
    ),
  )
  t.strictSame(outcomes(guesses), guessed(everywhere.free + 1, 60 - everywhere.free - 1), 'guesses')
  t.match(
    (await login(user.email, goodPassword, '2001:db8:1::1')).headers.ratelimit,
    /^"password-email";/,
    'the limit of the address',
  )
})

t.test('one network is limited for any addresses and any forwarding headers', async (t) => {
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
  t.strictSame(outcomes(guesses), guessed(ofOneNetwork.calls, 300 - ofOneNetwork.calls), 'guesses')
  t.match(
    (await login('new@example.org', 'wrong', '2001:db8:1:2::1')).headers.ratelimit,
    /^"password-network";r=0;t=\d+$/,
    'the limit of the network',
  )
  t.equal(
    (await login('new@example.org', 'wrong', '2001:db8:1:3::1')).statusCode,
    401,
    'another network',
  )
})

t.test('a thousand X-Forwarded-For headers are one network', async (t) => {
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
  t.strictSame(
    outcomes(replies),
    guessed(atOnePlace.free + 1, 1000 - atOnePlace.free - 1),
    'guesses',
  )
})

t.test('every route with a password counts with the login; a refresh resets nothing', async (t) => {
  const test = await setUp(t)
  for (const [name, confirm] of Object.entries(confirmations)) {
    const { user, access_token: token, refresh_token: refreshToken } = await test.signup()
    const ways = [
      async () => await confirm(test, token, 'wrong'),
      async () => await test.login(user.email, 'wrong', '127.0.0.1'),
    ]
    const found = []
    for (let index = 0; index <= atOnePlace.free; index++) {
      const reply = (await ways[index % 2]?.()) as LightMyRequestResponse
      const refresh = await test.call('POST', '/refresh', { body: { refresh_token: refreshToken } })
      found.push([outcome(reply), outcome(refresh)])
    }
    t.strictSame(
      found,
      found.map((_, index) => [
        index % 2 ? '401 invalid_credentials' : '403 wrong_password',
        '200',
      ]),
      `${name} and login in turn`,
    )
    problem(
      t,
      await test.login(user.email, goodPassword, '127.0.0.1'),
      429,
      'rate_limited',
      `login after ${name}`,
    )
    await everyRowIs(
      t,
      Object.entries(confirmations),
      '429 rate_limited',
      async (other) => outcome(await other(test, token, goodPassword)),
      `after ${name}`,
    )
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
  t.strictSame(outcomes(replies), { 201: calls / 2, '422 weak_password': calls / 2 }, 'sign-ups')
  problem(t, last as LightMyRequestResponse, 429, 'rate_limited', 'one more')
})

t.test('RATE_LIMITS=off lifts the limits of passwords', async (t) => {
  const { login, guess, signup } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  const { user } = await signup()
  t.strictSame(outcomes(await guess(60, user.email)), { '401 invalid_credentials': 60 }, 'guesses')
  const reply = await login(user.email, goodPassword)
  t.strictSame([reply.statusCode, reply.headers['set-cookie']], [200, undefined], 'a login')
})
