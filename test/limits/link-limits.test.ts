import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Problem } from '../../src/errors.js'
import { leewaySeconds } from '../../src/keys/key-ring.js'
import { createCounters } from '../../src/limits/counters.js'
import { createLimiters } from '../../src/limits/limiters.js'
import { limits } from '../../src/limits/table.js'
import { createLinkLimits } from '../../src/limits/link-limits.js'
import { oneTimeSeconds } from '../../src/tokens/lifetimes.js'
import { createSignupTokens } from '../../src/tokens/signup-token.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  outcome,
  problem,
  type TestOptions,
} from '../helper.js'
import { outcomes } from '../support/replies.js'
import { tokenOf } from '../support/mailbox.js'
import { forge, decode, makeJwk, signer } from '../support/forge.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const next = `${goodPassword}-too`
const { 'link-network': byNetwork, 'link-use': byUse, 'link-password': byLink } = limits
type Reply = Parameters<typeof outcome>[0]
const repeat = async (times: number, send: () => Promise<Reply>) => {
  const replies = []
  for (let index = 0; index < times; index++) replies.push(await send())
  return outcomes(replies)
}
const notValid = '400 invalid_one_time_token'

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

t.test('uses of links are limited by network before the link is checked', async (t) => {
  const { use } = await setUp(t)
  const urls = Object.keys(routes)
  const replies = []
  for (let index = 0; index < byNetwork.calls; index++)
    replies.push(await use(urls[index % urls.length] as string, `x.y.${index}`, '192.0.2.1'))
  t.strictSame(outcomes(replies), { [notValid]: byNetwork.calls }, 'below the limit')
  for (const url of urls) {
    const reply = await use(url, 'x', '192.0.2.1')
    t.strictSame(
      [
        outcome(reply),
        reply.headers['ratelimit-policy'],
        outcome(await use(url, 'x', '192.0.2.2')),
      ],
      ['429 rate_limited', `"link-network";q=${byNetwork.calls};w=${byNetwork.seconds}`, notValid],
      `${url}: the network above its limit, and another network`,
    )
  }
  mock.timers.tick(byNetwork.seconds * 1000)
  t.equal(outcome(await use('/email/undo', 'x', '192.0.2.1')), notValid, 'after the window')
})

t.test('uses of a link are limited by link, and forged or old links count apart', async (t) => {
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
    t.strictSame(
      await repeat(byUse.calls + 1, async () => await use(url, forged)),
      { [notValid]: byUse.calls + 1 },
      `a forged link, ${url}`,
    )
  }
  t.strictSame(
    await repeat(byUse.calls, async () => await use('/email/verify', verify)),
    { 200: byUse.calls },
    'the link below its limit',
  )
  read.length = 0
  const reply = await use('/email/verify', verify)
  problem(t, reply, 429, 'rate_limited', 'the link above its limit')
  t.match(reply.headers.ratelimit, /^"link-use";/, 'the limit of links')
  t.strictSame(read, [], 'the limit is checked before the account is read')
  // A thief with an old link of the account must not keep the owner's from working.
  t.equal(outcome(await use('/password/reset', reset)), '204', 'the reset link')
  t.strictSame(
    await repeat(byUse.calls + 1, async () => await use('/password/reset', old)),
    { [notValid]: byUse.calls, '429 rate_limited': 1 },
    'an old reset link',
  )
  const last = await askReset(user.email)
  t.equal(outcome(await use('/password/reset', last)), '204', 'a new reset link')
  mock.timers.tick(byUse.seconds * 1000)
  t.equal(outcome(await use('/email/verify', verify)), '200', 'the link after the window')
})

t.test('uses of a link that creates an account are limited by link', async (t) => {
  const { use, read, ring, config, time } = await setUp(t, { env: { SIGNUP_MODE: 'verify_first' } })
  const { issue } = createSignupTokens({ ring, issuer: config.PUBLIC_URL, clock: () => time.now })
  const token = await issue({ email: 'ada@example.org', name: null, passwordHash: 'x' })
  t.strictSame(
    await repeat(byUse.calls, async () => await use('/email/verify', token)),
    { 201: 1, [notValid]: byUse.calls - 1 },
    'below the limit',
  )
  read.length = 0
  problem(t, await use('/email/verify', token), 429, 'rate_limited', 'above the limit')
  t.strictSame(read, [], 'the limit is checked before the account is read')
  t.equal(
    (
      await use(
        '/email/verify',
        await issue({ email: 'eve@example.org', name: null, passwordHash: 'x' }),
      )
    ).statusCode,
    201,
    'another link has its own limit',
  )
})

t.test('a reset link dies after ten weak passwords, and other links keep working', async (t) => {
  const { use, askReset, signup } = await setUp(t)
  const { user } = await signup()
  const [first, second, third] = [
    await askReset(user.email),
    await askReset(user.email),
    await askReset(user.email),
  ]
  const weak = async (token: string) =>
    await use('/password/reset', token, undefined, { new_password: 'weak' })
  t.strictSame(
    await repeat(byLink.calls + 1, async () => await weak(first)),
    { '422 weak_password': byLink.calls, [notValid]: 1 },
    'weak passwords one after another',
  )
  t.equal(
    outcome(await use('/password/reset', first)),
    notValid,
    'a good password after the weak ones',
  )
  t.strictSame(
    outcomes(await Promise.all(Array.from({ length: 45 }, async () => await weak(second)))),
    { '422 weak_password': byLink.calls, [notValid]: 45 - byLink.calls },
    'weak passwords at once',
  )
  mock.timers.tick(24 * 3600 * 1000)
  t.equal(outcome(await use('/password/reset', second)), notValid, 'after the window')
  t.strictSame(
    await repeat(byLink.calls - 1, async () => await weak(third)),
    { '422 weak_password': byLink.calls - 1 },
    'weak passwords with another link',
  )
  t.equal(outcome(await use('/password/reset', third)), '204', 'the tenth try can succeed')
})

t.test('a dead link stays dead for as long as any link lives', async (t) => {
  t.ok(byLink.seconds > Math.max(...Object.values(oneTimeSeconds)) + leewaySeconds)
})

t.test('ten of a thousand tries at once pass; other failures do not count', async (t) => {
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
    t.equal(passed, byLink.calls, `${code}: tries that pass`)
    const codes = replies.map((reply) => (reply.status === 'rejected' ? reply.reason.code : ''))
    t.strictSame(
      [
        codes.filter((one) => one === code).length,
        codes.filter((one) => one === 'invalid_one_time_token').length,
      ],
      [byLink.calls, 1000 - byLink.calls],
      `${code}: codes of the tries`,
    )
  }
  for (let index = 0; index < 3 * byLink.calls; index++) {
    t.equal(await tryLink('link', async () => index), index, `success ${index}`)
    for (const error of [new Problem('overloaded'), new Error('wrong_password')])
      await t.rejects(
        tryLink('link', async () => {
          throw error
        }),
        error,
        `${String(error)} ${index}`,
      )
  }
})

t.test('RATE_LIMITS=off lifts the limits of links', async (t) => {
  const { use, askReset, signup } = await setUp(t, { env: { RATE_LIMITS: 'off' } })
  const { user } = await signup()
  const reset = await askReset(user.email)
  t.strictSame(
    await repeat(
      100,
      async () => await use('/password/reset', reset, '192.0.2.1', { new_password: 'weak' }),
    ),
    { '422 weak_password': 100 },
    'a hundred weak passwords',
  )
  t.equal(outcome(await use('/password/reset', reset, '192.0.2.1')), '204', 'a good password')
})
