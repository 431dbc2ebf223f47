import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Problem } from '../../src/errors.js'
import { createCounters } from '../../src/limits/counters.js'
import { createLimiters } from '../../src/limits/limiters.js'
import { limits } from '../../src/limits/table.js'
import { createLinkLimits } from '../../src/limits/link-limits.js'
import { createSignupTokens } from '../../src/tokens/signup-token.js'
import { buildTestApp, frozenNow, goodPassword, problem, type TestOptions } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { forge, decode, makeJwk, signer } from '../support/forge.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const next = `${goodPassword}-too`
const { 'link-network': byNetwork, 'link-use': byUse, 'link-password': byLink } = limits
const statuses = (replies: Array<{ statusCode: number }>) =>
  replies.reduce<Record<number, number>>(
    (found, { statusCode }) => ({ ...found, [statusCode]: (found[statusCode] ?? 0) + 1 }),
    {},
  )

/** Every route that takes the token of a mail, with the rest of its body. */
const routes: Record<string, object> = {
  '/password/reset': { new_password: next },
  '/email/verify': {},
  '/email/undo': {},
}

async function setUp(t: Test, options: TestOptions = {}) {
  const read: string[] = []
  const test = await buildTestApp(t, {
    ...options,
    env: { LOG_LEVEL: 'warn', ...options.env },
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          read.push(id)
          return await store.accounts.findById(id)
        },
        create: async (account) => {
          read.push(account.email)
          return await store.accounts.create(account)
        },
      },
    }),
  })
  let networks = 0
  const use = async (
    url: string,
    token: string,
    from = `2001:db8:1:${(networks++).toString(16)}::1`,
    body = routes[url],
  ) =>
    await test.app.inject({ method: 'POST', url, payload: { token, ...body }, remoteAddress: from })
  const askReset = async (email: string) => {
    await test.app.inject({
      method: 'POST',
      url: '/password/forgot',
      payload: { email },
      remoteAddress: `2001:db8:2:${(networks++).toString(16)}::1`,
    })
    return tokenOf(await test.nextMail(email, 'Reset'), '/password/reset')
  }
  return { ...test, use, askReset, read }
}

t.test(
  'uses of links are limited by network, good or bad, and before anything is looked at',
  async (t) => {
    const { use } = await setUp(t)
    const urls = Object.keys(routes)
    const replies = []
    for (let index = 0; index < byNetwork.calls; index++)
      replies.push(await use(urls[index % urls.length] as string, `x.y.${index}`, '192.0.2.1'))
    t.strictSame(statuses(replies), { 400: byNetwork.calls })
    for (const url of urls) {
      const reply = await use(url, 'x', '192.0.2.1')
      problem(t, reply, 429, 'rate_limited')
      t.equal(
        reply.headers['ratelimit-policy'],
        `"link-network";q=${byNetwork.calls};w=${byNetwork.seconds}`,
      )
      problem(t, await use(url, 'x', '192.0.2.2'), 400, 'invalid_one_time_token')
    }
    mock.timers.tick(byNetwork.seconds * 1000)
    problem(t, await use('/email/undo', 'x', '192.0.2.1'), 400, 'invalid_one_time_token')
  },
)

t.test(
  'uses of a link are limited by the link: neither a forged one nor an old one uses up another',
  async (t) => {
    const { use, askReset, signup, nextMail, read } = await setUp(t)
    const { user } = await signup()
    const verify = tokenOf(await nextMail(user.email, 'Confirm'))
    const [reset, old] = [await askReset(user.email), await askReset(user.email)]
    for (const [url, token] of [
      ['/email/verify', verify],
      ['/password/reset', reset],
    ] as const) {
      const { header, payload } = decode(token)
      const forged = forge(header, payload, signer(makeJwk('ES256')))
      for (let index = 0; index <= byUse.calls; index++)
        problem(t, await use(url, forged), 400, 'invalid_one_time_token')
    }
    for (let index = 0; index < byUse.calls; index++)
      t.equal((await use('/email/verify', verify)).statusCode, 200)
    read.length = 0
    const reply = await use('/email/verify', verify)
    problem(t, reply, 429, 'rate_limited')
    t.match(reply.headers.ratelimit, /^"link-use";/)
    t.strictSame(read, [], 'asked before the account is read')
    // A thief who has an old link of the account must not keep the owner's from working.
    t.equal((await use('/password/reset', reset)).statusCode, 204)
    for (let index = 0; index < byUse.calls; index++)
      problem(t, await use('/password/reset', old), 400, 'invalid_one_time_token')
    problem(t, await use('/password/reset', old), 429, 'rate_limited')
    const last = await askReset(user.email)
    t.equal((await use('/password/reset', last)).statusCode, 204)
    mock.timers.tick(byUse.seconds * 1000)
    t.equal((await use('/email/verify', verify)).statusCode, 200)
  },
)

t.test('uses of a link that makes an account are limited by the link', async (t) => {
  const { use, read, ring, config, time } = await setUp(t, { env: { SIGNUP_MODE: 'verify_first' } })
  const { issue } = createSignupTokens({ ring, issuer: config.PUBLIC_URL, clock: () => time.now })
  const token = await issue({ email: 'ada@example.org', name: null, passwordHash: 'x' })
  t.equal((await use('/email/verify', token)).statusCode, 201)
  for (let index = 1; index < byUse.calls; index++)
    t.equal((await use('/email/verify', token)).statusCode, 400)
  read.length = 0
  problem(t, await use('/email/verify', token), 429, 'rate_limited')
  t.strictSame(read, [])
  t.equal(
    (
      await use(
        '/email/verify',
        await issue({ email: 'eve@example.org', name: null, passwordHash: 'x' }),
      )
    ).statusCode,
    201,
    'another link is free',
  )
})

t.test(
  'a reset link dies after ten weak passwords, also of a thousand at once, and other links live',
  async (t) => {
    const { use, askReset, signup } = await setUp(t)
    const { user } = await signup()
    const [first, second, third] = [
      await askReset(user.email),
      await askReset(user.email),
      await askReset(user.email),
    ]
    const weak = async (token: string) =>
      await use('/password/reset', token, undefined, { new_password: 'weak' })
    for (let index = 0; index < byLink.calls; index++)
      problem(t, await weak(first), 422, 'weak_password')
    for (const password of ['weak', next])
      problem(
        t,
        await use('/password/reset', first, undefined, { new_password: password }),
        400,
        'invalid_one_time_token',
      )
    t.strictSame(
      statuses(await Promise.all(Array.from({ length: 45 }, async () => await weak(second)))),
      { 422: byLink.calls, 400: 45 - byLink.calls },
    )
    mock.timers.tick(24 * 3600 * 1000)
    problem(t, await use('/password/reset', second), 400, 'invalid_one_time_token')
    for (let index = 1; index < byLink.calls; index++)
      problem(t, await weak(third), 422, 'weak_password')
    t.equal(
      (await use('/password/reset', third)).statusCode,
      204,
      'the tenth try may be the right one',
    )
  },
)

t.test(
  'of a thousand tries at once ten pass, and what fails for another reason is given back',
  async (t) => {
    const { ring } = await setUp(t)
    const { tryLink } = createLinkLimits(
      createLimiters({ counters: createCounters(undefined), ring }),
    )
    for (const code of ['wrong_password', 'weak_password'] as const) {
      let passed = 0
      const replies = await Promise.allSettled(
        Array.from(
          { length: 1000 },
          async () =>
            await tryLink(code, async () => {
              passed++
              throw new Problem(code)
            }),
        ),
      )
      t.equal(passed, byLink.calls)
      const codes = replies.map((reply) => (reply.status === 'rejected' ? reply.reason.code : ''))
      t.strictSame(
        [
          codes.filter((one) => one === code).length,
          codes.filter((one) => one === 'invalid_one_time_token').length,
        ],
        [byLink.calls, 1000 - byLink.calls],
      )
    }
    for (let index = 0; index < 3 * byLink.calls; index++) {
      t.equal(await tryLink('link', async () => index), index)
      for (const error of [new Problem('overloaded'), new Error('wrong_password')])
        await t.rejects(
          tryLink('link', async () => {
            throw error
          }),
          error,
        )
    }
  },
)

t.test('off', async (t) => {
  const { use, askReset, signup } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  const { user } = await signup()
  const reset = await askReset(user.email)
  for (let index = 0; index < 100; index++)
    problem(
      t,
      await use('/password/reset', reset, '192.0.2.1', { new_password: 'weak' }),
      422,
      'weak_password',
    )
  t.equal((await use('/password/reset', reset, '192.0.2.1')).statusCode, 204)
})
