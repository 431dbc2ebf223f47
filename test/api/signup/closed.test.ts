import argon2 from 'argon2'
import t from 'tap'
import { users } from '../../../src/cli/users.js'
import { Problem } from '../../../src/errors.js'
import { limits } from '../../../src/limits/table.js'
import { createHashGate } from '../../../src/passwords/gate.js'
import { buildTestApp, goodPassword, headerNames, onEachDatabase, problem } from '../../helper.js'
import { fakeTerminal } from '../../support/fake-terminal.js'
import { tokenOf } from '../../support/mailbox.js'
import { buildVerifyFirst } from '../../support/verify-first.js'

const env = { SIGNUP_MODE: 'closed' }
const email = 'mallory@example.org'

await onEachDatabase(t, async (t, database) => {
  await t.test('every sign-up is refused before any work', async (t) => {
    const used: string[] = []
    const { call, store, mails, stored, app, config } = await buildTestApp(t, {
      database,
      env,
      wrapStore: (store) => ({
        ...store,
        ping: async () => {
          used.push('ping')
          await store.ping()
        },
        accounts: new Proxy(store.accounts, {
          get: (accounts, name) => {
            used.push(String(name))
            return Reflect.get(accounts, name) as unknown
          },
        }),
      }),
    })
    const terminal = fakeTerminal({ input: goodPassword })
    t.equal(await users(['create', 'ada@example.org'], config, terminal), 0, 'the CLI creates')
    used.length = 0
    const hashes = t.capture(argon2, 'hash', argon2.hash)
    const bodies = {
      'a free address': { email, password: goodPassword },
      'a taken address': { email: 'ada@example.org', password: goodPassword },
      'a weak password': { email, password: 'x' },
      'no address': { email: 'nonsense', password: goodPassword },
    }
    const replies = []
    for (const [name, body] of Object.entries(bodies)) {
      const reply = await call('POST', '/signup', { body })
      const { request_id: _, ...document } = problem(t, reply, 403, 'signup_closed', name)
      replies.push([document, headerNames(reply)])
    }
    t.equal(new Set(replies.map((reply) => JSON.stringify(reply))).size, 1, 'one reply for all')
    problem(t, await call('POST', '/signup', { body: {} }), 400, 'invalid_request')
    t.strictSame([used, hashes(), mails], [[], [], []], 'no query, no hash, no mail')
    t.strictSame(
      (await stored.rows()).map((row) => row.email),
      ['ada@example.org'],
    )
    t.equal(
      (await call('POST', '/login', { body: bodies['a taken address'] })).statusCode,
      200,
      'log in',
    )
    t.equal((await store.accounts.findByEmail(email)) === null, true, 'no account')

    const from = async (address: string) =>
      await app.inject({
        method: 'POST',
        url: '/signup',
        payload: bodies['a free address'],
        remoteAddress: address,
      })
    const { calls } = limits['signup-network']
    for (let index = 0; index < calls; index++) t.equal((await from('192.0.2.1')).statusCode, 403)
    problem(t, await from('192.0.2.1'), 429, 'rate_limited')
    t.equal((await from('192.0.2.2')).statusCode, 403, 'another network, the same address')
  })

  await t.test('a link that was mailed before creates no account', async (t) => {
    const open = await buildVerifyFirst(t, database)
    const pending = await open.ask(email)
    const taken = await open.ask('ada@example.org')
    t.equal((await open.verify(await open.ask('ada@example.org'))).statusCode, 201)
    const { databaseUrl, jwks, rows } = open
    const closed = await buildTestApp(t, { databaseUrl, keys: jwks.keys, env })
    const verify = async (token: string) =>
      await closed.call('POST', '/email/verify', { body: { token } })
    const before = await rows()
    const [header] = pending.split('.')
    for (const token of [pending, taken, pending, `${header}.a.b.c.d`])
      problem(t, await verify(token), 403, 'signup_closed')
    problem(t, await verify('nonsense'), 400, 'invalid_one_time_token')
    t.strictSame(await rows(), before, 'no account is created or changed')
    t.equal((await open.verify(pending)).statusCode, 201, 'the link works if sign-up opens again')
  })

  await t.test('accounts that exist keep every other way', async (t) => {
    const { databaseUrl, jwks, signup, nextMail } = await buildTestApp(t, { database })
    const { user, refresh_token: refresh } = await signup({ email })
    const verification = tokenOf(await nextMail(email, 'Confirm'))
    const closed = await buildTestApp(t, { databaseUrl, keys: jwks.keys, env })
    const post = async (url: string, body: object) =>
      (await closed.call('POST', url, { body })).statusCode
    t.equal(await post('/email/verify', { token: verification }), 200)
    t.equal(await post('/refresh', { refresh_token: refresh }), 200)
    t.equal(await post('/password/forgot', { email }), 202)
    const token = tokenOf(await closed.nextMail(String(user.email), 'Reset'))
    t.equal(await post('/password/reset', { token, new_password: `${goodPassword}-2` }), 204)
    t.equal(await post('/login', { email, password: `${goodPassword}-2` }), 200)
  })
})

t.test('a flood of hashes does not change the reply', async (t) => {
  const { call } = await buildTestApp(t, {
    env,
    gate: {
      ...createHashGate({ concurrency: 1, queueMilliseconds: 0, now: Date.now }),
      requireRoom: () => {
        throw new Problem('overloaded')
      },
    },
  })
  problem(
    t,
    await call('POST', '/signup', { body: { email, password: goodPassword } }),
    403,
    'signup_closed',
  )
})

t.test('the index and the contract say it', async (t) => {
  const closed = await buildTestApp(t, { env })
  const open = await buildTestApp(t)
  t.notOk('signup' in (await closed.call('GET', '/')).json())
  t.equal((await open.call('GET', '/')).json().signup, '/signup')
  for (const { call } of [open, closed]) {
    const { paths } = (await call('GET', '/openapi.json')).json()
    for (const path of ['/signup', '/email/verify'])
      t.match(
        paths[path].post.responses['403'].content['application/problem+json'].examples,
        { signup_closed: { value: { status: 403, code: 'signup_closed' } } },
        path,
      )
  }
  t.match((await closed.call('GET', '/problems/signup_closed')).body, /operator/)
})
