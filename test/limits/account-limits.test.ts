import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { settleMilliseconds } from '../../src/webhooks/event.js'
import {
  buildTestApp,
  frozenNow,
  goodPassword,
  outcome,
  problem,
  type TestApp,
  type TestOptions,
} from '../helper.js'
import { signupByKey } from '../support/dpop-client.js'
import { decode, forge, makeJwk, signer } from '../support/forge.js'
import { outcomes } from '../support/replies.js'

// The library of the counters goes by the time of the system: no wait ends during a test.
mock.timers.enable({ apis: ['Date'], now: frozenNow })
t.teardown(() => {
  mock.timers.reset()
})

const { account: writes, 'refresh-account': refreshes, 'name-account': names } = limits

async function setUp(t: Test, options: TestOptions = {}) {
  const asked: string[] = []
  const test = await buildTestApp(t, {
    ...options,
    wrapStore: (store) => ({
      ...store,
      accounts: Object.fromEntries(
        Object.entries(store.accounts).map(([name, method]) => [
          name,
          async (...given: never[]) => {
            asked.push(name)
            return await (method as (...given: never[]) => unknown)(...given)
          },
        ]),
      ) as never,
    }),
  })
  return { ...test, asked }
}

type Person = Awaited<ReturnType<TestApp['signup']>>

/** What one account can ask for that reads or writes it, and what the answers are. */
const calls: Record<
  string,
  { status: number; ask: (test: TestApp, person: Person) => ReturnType<TestApp['call']> }
> = {
  'PATCH /me': {
    status: 200,
    ask: async ({ call }, { access_token: token }) =>
      await call('PATCH', '/me', { token, body: { name: 'Ada' } }),
  },
  'POST /logout/everywhere': {
    status: 204,
    ask: async ({ call }, { access_token: token }) =>
      await call('POST', '/logout/everywhere', { token }),
  },
  'POST /refresh': {
    status: 200,
    ask: async ({ call }, { refresh_token: token }) =>
      await call('POST', '/refresh', { body: { refresh_token: token } }),
  },
}

t.test(
  'the calls of one account in a minute are limited, at once and before the database is asked',
  async (t) => {
    for (const [name, { status, ask }] of Object.entries(calls)) {
      const test = await setUp(t)
      const [person, other] = [await test.signup(), await test.signup()]
      test.asked.length = 0
      const replies = await Promise.all(
        Array.from({ length: 300 }, async () => await ask(test, person)),
      )
      const passed = replies.filter(({ statusCode }) => statusCode === status)
      t.equal(passed.length, writes.calls, name)
      t.equal(test.asked.length, writes.calls, `${name} asks the database for those alone`)
      const refused = replies.find(({ statusCode }) => statusCode !== status)
      problem(t, refused as (typeof replies)[number], 429, 'rate_limited')
      t.match(
        refused?.headers['ratelimit-policy'],
        name === 'PATCH /me'
          ? '"name-account";q=60;w=900'
          : /^"(account|refresh-account)";q=60;w=60$/,
      )
      t.equal((await ask(test, other)).statusCode, status, 'other accounts are free')
      for (const [another, { ask: askAnother }] of Object.entries(calls))
        if (another !== name && another !== 'POST /refresh')
          t.not((await askAnother(test, person)).statusCode, 429, `${another} is free`)
      mock.timers.tick((name === 'PATCH /me' ? names : writes).seconds * 1000)
      t.equal((await calls['PATCH /me']?.ask(test, person))?.statusCode, 200)
    }
  },
)

t.test(
  'changes of the name cannot delay the webhook of an account for the whole window',
  async (t) => {
    t.ok(names.calls * settleMilliseconds < names.seconds * 1000)
  },
)

t.test(
  'wrong passwords to delete an account take no place in the queue of hashes beyond the limit',
  async (t) => {
    const test = await setUp(t)
    const { access_token: token } = await test.signup()
    test.asked.length = 0
    const replies = await Promise.all(
      Array.from(
        { length: 300 },
        // Both routes count together.
        async (_, index) =>
          index % 3 === 0
            ? await test.call('DELETE', '/me', { token, body: { password: 'wrong' } })
            : await test.call('POST', '/me/delete', { token, body: { password: 'wrong' } }),
      ),
    )
    t.equal(test.asked.length, writes.calls)
    t.equal(
      replies.filter(({ statusCode }) => statusCode === 403).length,
      limits['password-email-network'].free + 1,
    )
  },
)

t.test(
  'neither a forged refresh token nor one that was ended uses up the refreshes of an account',
  async (t) => {
    const { call, signup } = await setUp(t)
    const { refresh_token: token, access_token: access, user } = await signup()
    const refresh = async (refreshToken: string) =>
      (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).statusCode
    const { header, payload } = decode(token)
    for (let index = 0; index < 2 * refreshes.calls; index++)
      t.equal(await refresh(forge(header, payload, signer(makeJwk('ES256')))), 401)
    t.equal(await refresh(token), 200)
    t.equal((await call('POST', '/logout/everywhere', { token: access })).statusCode, 204)
    const { refresh_token: own } = (
      await call('POST', '/login', { body: { email: user.email, password: goodPassword } })
    ).json()
    const stolen = await Promise.all(
      Array.from({ length: 2 * refreshes.calls }, async () => await refresh(token)),
    )
    t.strictSame(
      [
        stolen.filter((status) => status === 401).length,
        stolen.filter((status) => status === 429).length,
      ],
      [refreshes.calls - 1, refreshes.calls + 1],
    )
    t.equal(await refresh(own), 200)
  },
)

t.test('without its key, a bound refresh token uses up no refreshes', async (t) => {
  const test = await setUp(t)
  const { client, refreshToken: token } = await signupByKey(test)
  const body = { refresh_token: token }
  test.asked.length = 0
  const stolen = await Promise.all(
    Array.from(
      { length: 2 * refreshes.calls },
      async () => await test.call('POST', '/refresh', { body }),
    ),
  )
  t.strictSame(outcomes(stolen), { '400 invalid_dpop_proof': 2 * refreshes.calls }, 'the thief')
  t.strictSame(test.asked, [], 'the database is not asked')
  t.equal(outcome(await client.send('POST', '/refresh', { body })), '200', 'the owner')
})

t.test('the refresh token of a login that was logged out uses up one refresh', async (t) => {
  const { call, signup } = await setUp(t)
  const { refresh_token: own, user } = await signup()
  const credentials = { email: user.email, password: goodPassword }
  const { refresh_token: stolen } = (await call('POST', '/login', { body: credentials })).json()
  await call('POST', '/logout', { body: { refresh_token: stolen } })
  const refresh = async (token: string) =>
    await call('POST', '/refresh', { body: { refresh_token: token } })
  const found = []
  for (const token of [stolen, own]) {
    const replies = []
    for (let index = 0; index <= refreshes.calls; index++) replies.push(await refresh(token))
    found.push(outcomes(replies))
  }
  t.strictSame(found, [
    { '401 invalid_refresh_token': refreshes.calls + 1 },
    { 200: refreshes.calls - 1, '429 rate_limited': 2 },
  ])
})

t.test('fifty refreshes of one token at once succeed', async (t) => {
  const { call, signup } = await setUp(t)
  const { refresh_token: token } = await signup()
  const replies = await Promise.all(
    Array.from(
      { length: 50 },
      async () => await call('POST', '/refresh', { body: { refresh_token: token } }),
    ),
  )
  t.ok(replies.every(({ statusCode }) => statusCode === 200))
})

t.test(
  'accounts with spellings of one mailbox cannot flood it with notices of changed passwords',
  async (t) => {
    for (const RATE_LIMITS of ['on', 'off']) {
      const { calls } = limits['notice-mailbox']
      const test = await setUp(t, { env: { RATE_LIMITS, LOG_LEVEL: 'warn' } })
      const change = async ({ access_token: token }: Person) =>
        await test.call('POST', '/password/change', {
          token,
          body: { current_password: goodPassword, new_password: goodPassword },
        })
      const owner = await test.signup({ email: 'ada@example.org' })
      const replies = []
      for (let index = 0; index < 6; index++) {
        const person = await test.signup({ email: `ada+${index}@example.org` })
        for (let count = 0; count < 4; count++) replies.push(await change(person))
      }
      const passed = replies.filter(({ statusCode }) => statusCode === 200).length
      t.equal(passed, RATE_LIMITS === 'on' ? calls : replies.length, RATE_LIMITS)
      if (RATE_LIMITS === 'off') continue
      problem(t, replies.at(-1) as (typeof replies)[number], 429, 'rate_limited')
      t.equal(
        (await change(await test.signup({ email: 'bob@example.org' }))).statusCode,
        200,
        'other mailboxes are free',
      )
      await test.store.accounts.verifyEmail(owner.user)
      t.equal((await change(owner)).statusCode, 200, 'who has verified the address is free')
    }
  },
)

t.test('off', async (t) => {
  const test = await setUp(t, { env: { RATE_LIMITS: 'off', LOG_LEVEL: 'warn' } })
  const person = await test.signup()
  // Logging out everywhere ends the refresh token: it comes last.
  for (const name of ['PATCH /me', 'POST /refresh', 'POST /logout/everywhere']) {
    const replies = await Promise.all(
      Array.from(
        { length: 2 * writes.calls },
        async () => (await calls[name]?.ask(test, person))?.statusCode,
      ),
    )
    t.strictSame([...new Set(replies)], [calls[name]?.status], name)
  }
})
