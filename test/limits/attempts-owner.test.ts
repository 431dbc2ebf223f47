import { mock } from 'node:test'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { limits } from '../../src/limits/table.js'
import { frozenNow, goodPassword, outcome } from '../helper.js'
import { buildAttempts as setUp, confirmations, guessed } from '../support/attempts.js'
import { outcomes } from '../support/replies.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const { 'password-email-network': atOnePlace, 'password-email': everywhere } = limits

t.test('a success resets the count, by login and by confirmation', async (t) => {
  const test = await setUp(t)
  for (const [name, confirm] of Object.entries({
    login: async (email: string) => await test.login(email, goodPassword, '127.0.0.1'),
    'POST /email/change': async (_: string, token: string) =>
      await confirmations['POST /email/change']?.(test, token, goodPassword),
  })) {
    const { user, access_token: token } = await test.signup()
    // Twice: what a network may guess at all is not ended by one success.
    for (let round = 0; round < 2; round++) {
      t.strictSame(
        outcomes(await test.guess(atOnePlace.free - 1, user.email, '127.0.0.1')),
        {
          '401 invalid_credentials': atOnePlace.free - 1,
        },
        `${name}: guesses of round ${round}`,
      )
      t.match((await confirm(user.email, token))?.statusCode, /^20[02]$/, `${name}: success`)
    }
  }
})

t.test('a login of the owner gives strangers no guess and no sign of it', async (t) => {
  // At once, and spread over a day, which is when a wait has often ended.
  for (const secondsBetween of [0, (24 * 3600) / 300]) {
    const seen = []
    for (const ownerLogsIn of [true, false]) {
      const { login, signup } = await setUp(t, { env: { LOG_LEVEL: 'warn' } })
      const { user } = await signup()
      const answers = []
      let logins = 0
      const refusals: unknown[] = []
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
          else refusals.push(outcome(reply))
        }
      }
      t.strictSame(
        refusals.filter((found) => found !== '429 rate_limited'),
        [],
        'the owner is only refused by a limit',
      )
      const compared = answers.filter(([status]) => status === 401).length
      t.ok(compared > everywhere.free && compared <= 99, `${compared} compared`)
      t.ok(!ownerLogsIn || logins > 0, `the owner got in ${logins} times`)
      seen.push(answers)
    }
    t.strictSame(seen[0], seen[1], 'the same answers, whether the owner was there or not')
  }
})

t.test('an owner that logs in often is not refused while guesses stop', async (t) => {
  const { login, signup, guess } = await setUp(t)
  const { user } = await signup()
  t.strictSame(
    outcomes(await guess(everywhere.free, user.email, '2001:db8:1::1')),
    guessed(atOnePlace.free + 1, everywhere.free - atOnePlace.free - 1),
    'guesses',
  )
  const replies = []
  for (let index = 0; index < 100; index++)
    replies.push(await login(user.email, goodPassword, `2001:db8:2:${index.toString(16)}::1`))
  t.strictSame(outcomes(replies), { 200: 100 }, 'logins')
})

t.test('attempts that fail for another reason do not count', async (t) => {
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
  const replies = []
  for (let index = 0; index < 3 * atOnePlace.free; index++)
    replies.push(await login(user.email, goodPassword))
  t.strictSame(outcomes(replies), { '503 unavailable': 3 * atOnePlace.free }, 'without a database')
  away = false
  t.equal(outcome(await login(user.email, goodPassword)), '200', 'with the database')
})

t.test('many right logins at once from one network succeed', async (t) => {
  const { login, signup } = await setUp(t)
  const people = await Promise.all(Array.from({ length: 10 }, async () => await signup()))
  for (let round = 0; round < 2; round++) {
    const replies = await Promise.all(
      people.flatMap(({ user }) =>
        Array.from({ length: 6 }, async () => await login(user.email, goodPassword)),
      ),
    )
    t.strictSame(outcomes(replies), { 200: 60 }, `round ${round}`)
  }
})
