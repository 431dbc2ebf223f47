import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, frozenNow, goodPassword, outcome, type TestOptions } from '../helper.js'
import { createEmailFlow, freshEmail } from '../support/email-flow.js'
import { outcomes } from '../support/replies.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const {
  'link-network': byNetwork,
  'link-use': byUse,
  'link-password': byLink,
  'password-email-network': atOnePlace,
} = limits
const notValid = '400 invalid_one_time_token'
type Reply = Parameters<typeof outcome>[0]
const repeat = async (times: number, send: () => Promise<Reply>) => {
  const replies = []
  for (let index = 0; index < times; index++) replies.push(await send())
  return outcomes(replies)
}

/** The application, and uses of links, each from another network unless it is given. */
async function setUp(t: Test, options: TestOptions = {}) {
  const read: string[] = []
  const test = await buildTestApp(t, {
    ...options,
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        findById: async (id) => {
          read.push(id)
          return await store.accounts.findById(id)
        },
      },
    }),
  })
  let networks = 0
  const post = async (url: string, body: object, from?: string, access?: string) =>
    await test.app.inject({
      method: 'POST',
      url,
      payload: body,
      remoteAddress: from ?? `2001:db8:1:${(networks++).toString(16)}::1`,
      headers: access === undefined ? {} : { authorization: `Bearer ${access}` },
    })
  const undo = async (token: string, from?: string) => await post('/email/undo', { token }, from)
  const confirm = async (
    token: string,
    { password, from, access }: { password?: string; from?: string; access?: string } = {},
  ) => await post('/email/change/confirm', { token, password }, from, access)
  const login = async (email: string, password: string, from?: string) =>
    await post('/login', { email, password }, from)
  const { signupVerified, ask, move } = createEmailFlow(test)
  return { undo, confirm, login, signupVerified, ask, move, read }
}

t.test('uses of a link to take an account back are limited by link', async (t) => {
  const { undo, signupVerified, move, read } = await setUp(t)
  const { access_token: access, user } = await signupVerified()
  const second = freshEmail()
  const [first, later] = [
    await move(access, user.email, second),
    await move(access, second, freshEmail()),
  ]
  t.strictSame(
    await repeat(byUse.calls, async () => await undo(later)),
    { 200: 1, [notValid]: byUse.calls - 1 },
    'below the limit',
  )
  read.length = 0
  const reply = await undo(later)
  t.strictSame(
    [outcome(reply), reply.headers['ratelimit-policy']],
    ['429 rate_limited', `"link-use";q=${byUse.calls};w=${byUse.seconds}`],
    'above the limit',
  )
  t.strictSame(read, [], 'the limit is checked before the account is read')
  t.equal(outcome(await undo(first)), '200', 'the link of the owner has its own limit')
})

t.test('uses of a link to another address are limited by link and by network', async (t) => {
  const { confirm, signupVerified, ask, read } = await setUp(t)
  const { access_token: access } = await signupVerified()
  const [link, other] = [await ask(access, freshEmail()), await ask(access, freshEmail())]
  t.strictSame(
    await repeat(byUse.calls, async () => await confirm(link)),
    { '401 missing_token': byUse.calls },
    'below the limit',
  )
  read.length = 0
  const reply = await confirm(link, { access })
  t.strictSame(
    [outcome(reply), reply.headers['ratelimit-policy']],
    ['429 rate_limited', `"link-use";q=${byUse.calls};w=${byUse.seconds}`],
    'above the limit',
  )
  t.strictSame(read, [], 'the limit is checked before the account is read')
  const from = '192.0.2.1'
  t.strictSame(
    await repeat(byNetwork.calls, async () => await confirm('x', { from })),
    { [notValid]: byNetwork.calls },
    'a network below its limit',
  )
  t.match(
    (await confirm(other, { from })).headers['ratelimit-policy'],
    /^"link-network";/,
    'a network above its limit',
  )
  t.equal(outcome(await confirm(other, { access })), '200', 'another link from another network')
})

t.test('a link to another address dies after ten wrong passwords', async (t) => {
  const { confirm, signupVerified, ask } = await setUp(t)
  const { access_token: access } = await signupVerified()
  const [link, other] = [await ask(access, freshEmail()), await ask(access, freshEmail())]
  t.strictSame(
    await repeat(byLink.calls + 1, async () => await confirm(link, { password: 'wrong' })),
    { '403 wrong_password': byLink.calls, [notValid]: 1 },
    'wrong passwords',
  )
  t.strictSame(
    [
      outcome(await confirm(link, { password: goodPassword })),
      outcome(await confirm(link, { access })),
      outcome(await confirm(link)),
    ],
    [notValid, notValid, notValid],
    'the right password and the access token of the account',
  )
  t.equal(
    outcome(await confirm(other, { password: goodPassword })),
    '200',
    'another link keeps working',
  )
})

t.test('a wrong password beside a link counts as a login attempt', async (t) => {
  const { confirm, login, signupVerified, ask } = await setUp(t)
  const { access_token: access, user } = await signupVerified()
  const link = await ask(access, freshEmail())
  const from = '192.0.2.1'
  const [half, others] = [atOnePlace.free / 2, atOnePlace.free / 2 + 1]
  t.strictSame(
    [
      await repeat(half, async () => await confirm(link, { password: 'wrong', from })),
      await repeat(others, async () => await login(user.email, 'wrong', from)),
    ],
    [{ '403 wrong_password': half }, { '401 invalid_credentials': others }],
    'the attempts of one network',
  )
  t.match(
    (await login(user.email, goodPassword, from)).headers['ratelimit-policy'],
    /^"password-email-network";/,
    'the next login',
  )
  // More often than a link takes wrong passwords: what is refused does not count.
  t.strictSame(
    await repeat(byLink.calls, async () => await confirm(link, { password: goodPassword, from })),
    { '429 rate_limited': byLink.calls },
    'the next uses of the link',
  )
  t.equal(
    outcome(await confirm(link, { password: goodPassword })),
    '200',
    'the right password from another network',
  )
})

t.test('RATE_LIMITS=off lifts the limits of these links', async (t) => {
  const { undo, confirm, signupVerified, ask, move } = await setUp(t, {
    env: { RATE_LIMITS: 'off' },
  })
  const { access_token: access } = await signupVerified()
  const from = '192.0.2.1'
  const times = 2 * byUse.calls
  const link = await ask(access, freshEmail())
  t.strictSame(
    await repeat(times, async () => await confirm(link, { password: 'wrong', from })),
    { '403 wrong_password': times },
    'wrong passwords',
  )
  t.equal(outcome(await confirm(link, { password: goodPassword, from })), '200', 'the right one')
  const again = await signupVerified()
  const back = await move(again.access_token, again.user.email, freshEmail())
  t.strictSame(
    await repeat(times, async () => await undo(back, from)),
    { 200: 1, [notValid]: times - 1 },
    'uses of a link to take an account back',
  )
})
