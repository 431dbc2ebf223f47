import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { routesOf } from '../../src/app.js'
import { Problem } from '../../src/errors.js'
import { openStore } from '../../src/store/open-store.js'
import {
  buildTestApp,
  cheapHash,
  freshDatabase,
  frozenNow,
  goodPassword,
  problem,
  query,
  type TestApp,
} from '../helper.js'
import { createAdminFlow } from '../support/admins.js'
import { clusterUrl } from '../support/cluster.js'
import { createEmailFlow } from '../support/email-flow.js'
import { createMachineFlow } from '../support/machines.js'
import { tokenOf } from '../support/mailbox.js'
import { buildVerifyFirst } from '../support/verify-first.js'

const newPassword = 'copper-kettle-over-the-bridge'

/** Makes a database read-only, as a standby is, also for connections that are open. */
async function setReadOnly(url: string, state: 'on' | 'off'): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await query(clusterUrl(), `ALTER DATABASE ${name} SET default_transaction_read_only = ${state}`)
  await query(
    clusterUrl(),
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  )
}

/** Ends the attempts on connections that were cut, and do not know it yet. */
async function settle({ store }: Pick<TestApp, 'store'>): Promise<void> {
  for (let tries = 0; tries < 20; tries++) {
    try {
      for (let index = 0; index < 10; index++) await store.ping()
      return
    } catch {
      await wait(20)
    }
  }
}

/** One call of each route that is not a GET, ready to be sent, and whether it writes. */
async function calls(test: TestApp): Promise<Record<string, () => ReturnType<TestApp['call']>>> {
  const { call, signup, nextMail } = test
  const flow = createEmailFlow(test)
  const must = async (reply: ReturnType<TestApp['call']>) => {
    const { statusCode, body } = await reply
    if (statusCode >= 400) throw new Error(`${statusCode}: ${body}`)
  }
  const one = await flow.signupVerified('one@example.org')
  const access = one.access_token
  const moved = await flow.signupVerified('moved@example.org')
  const undo = await flow.move(moved.access_token, 'moved@example.org', 'away@example.org')
  const change = await flow.ask(access, 'next@example.org')
  await signup({ email: 'new@example.org' })
  const verify = tokenOf(await nextMail('new@example.org', 'Confirm your e-mail'))
  await must(call('POST', '/password/forgot', { body: { email: 'one@example.org' } }))
  const reset = tokenOf(await nextMail('one@example.org', /password/i))
  const admin = await createAdminFlow(test).admin()
  const user = `/admin/users/${moved.user.id}`
  const send =
    (method: 'POST' | 'PATCH' | 'DELETE', url: string, body?: object, token?: string) => async () =>
      await call(method, url, { ...(body && { body }), ...(token !== undefined && { token }) })
  const machines = createMachineFlow(test)
  const machine = await machines.create()
  const email = 'one@example.org'
  const password = goodPassword
  return {
    'POST /token': async () => await machines.requestToken(machine),
    'POST /introspect': async () => await machines.send('/introspect', { token: access }, machine),
    'POST /signup': send('POST', '/signup', { email: 'b@example.org', password }),
    'POST /login': send('POST', '/login', { email, password }),
    'POST /refresh': send('POST', '/refresh', { refresh_token: one.refresh_token }),
    'POST /logout': send('POST', '/logout', {}, access),
    'POST /logout/everywhere': send('POST', '/logout/everywhere', undefined, access),
    'POST /password/change': send(
      'POST',
      '/password/change',
      { current_password: password, new_password: newPassword },
      access,
    ),
    'POST /password/forgot': send('POST', '/password/forgot', { email }),
    'POST /password/reset': send('POST', '/password/reset', {
      token: reset,
      new_password: newPassword,
    }),
    'POST /email/verify': send('POST', '/email/verify', { token: verify }),
    'POST /email/resend': send('POST', '/email/resend', { email: 'new@example.org' }),
    'POST /email/change': send(
      'POST',
      '/email/change',
      { new_email: 'third@example.org', password },
      access,
    ),
    'POST /email/change/confirm': send('POST', '/email/change/confirm', {
      token: change,
      password,
    }),
    'POST /email/undo': send('POST', '/email/undo', { token: undo }),
    'PATCH /me': send('PATCH', '/me', { name: 'Ada' }, access),
    'DELETE /me': send('DELETE', '/me', { password }, access),
    'POST /me/delete': send('POST', '/me/delete', { password }, access),
    'POST /admin/users': send(
      'POST',
      '/admin/users',
      { email: 'invited@example.org', invite: true },
      admin.token,
    ),
    'PATCH /admin/users/:id': send('PATCH', user, { roles: ['editor'] }, admin.token),
    'POST /admin/users/:id/logout': send('POST', `${user}/logout`, undefined, admin.token),
    'DELETE /admin/users/:id': send('DELETE', user, undefined, admin.token),
  }
}

/** Routes that read, or only send mails. */
const readers = [
  'POST /login',
  'POST /refresh',
  'POST /password/forgot',
  'POST /email/resend',
  'POST /email/change',
  'POST /token',
  'POST /introspect',
]

const withRetry = (t: Test, reply: Awaited<ReturnType<TestApp['call']>>, name: string) => {
  problem(t, reply, 503, 'unavailable', name)
  t.match(reply.headers['retry-after'], /^\d+$/, `${name}: Retry-After`)
}

t.test('a read-only database is 503 for every write, and reads continue', async (t) => {
  const test = await buildTestApp(t, { database: 'postgresql', env: { RATE_LIMITS: 'off' } })
  const all = await calls(test)
  t.strictSame(
    Object.keys(routesOf(test.config))
      .filter((route) => !route.startsWith('GET '))
      .filter((route) => !(route in all)),
    [],
    'every route is called',
  )
  const before = await test.stored.rows()
  await setReadOnly(test.databaseUrl, 'on')
  await settle(test)
  for (const [route, send] of Object.entries(all))
    if (!readers.includes(route)) withRetry(t, await send(), route)
  for (const route of readers) t.match(await all[route]?.(), { statusCode: /^20\d$/ }, route)
  t.equal((await test.call('GET', '/health/ready')).statusCode, 200)
  t.strictSame(await test.stored.rows(), before, 'no account was changed')

  await setReadOnly(test.databaseUrl, 'off')
  await settle(test)
  t.equal((await all['PATCH /me']?.())?.statusCode, 200, 'the same process writes again')
})

t.test('the link of a sign-up keeps working after a read-only database', async (t) => {
  const test = await buildVerifyFirst(t, 'postgresql')
  const token = await test.ask('ada@example.org')
  await setReadOnly(test.databaseUrl, 'on')
  await settle(test)
  withRetry(t, await test.verify(token), 'POST /email/verify')
  await setReadOnly(test.databaseUrl, 'off')
  await settle(test)
  t.equal((await test.verify(token)).statusCode, 201)
})

t.test('a login succeeds though its hash cannot be upgraded now', async (t) => {
  const databaseUrl = await freshDatabase(t, 'postgresql')
  const body = { email: 'ada@example.org', password: goodPassword }
  const first = await buildTestApp(t, { databaseUrl })
  await first.signup(body)
  const [before] = await first.stored.rows()
  const test = await buildTestApp(t, { databaseUrl, cost: { ...cheapHash, passes: 3 } })
  await setReadOnly(databaseUrl, 'on')
  await settle(test)
  const login = async () => await test.call('POST', '/login', { body })
  const reply = await login()
  t.equal(reply.statusCode, 200)
  const me = async (token: string) => (await test.call('GET', '/me', { token })).statusCode
  t.equal(await me(reply.json().access_token), 200)
  t.strictSame(await first.stored.rows(), [before])
  await setReadOnly(databaseUrl, 'off')
  await settle(test)
  t.equal((await login()).statusCode, 200)
  t.match(await first.stored.rows(), [{ password_hash: /t=3/ }], 'upgraded at the next login')
})

t.test('only an unavailable database is passed over by a login', async (t) => {
  const outcomes: Array<[thrown: Error, status: number]> = [
    [new Problem('unavailable'), 200],
    [new Error('a bug'), 500],
  ]
  for (const [thrown, status] of outcomes) {
    const databaseUrl = await freshDatabase(t, 'sqlite')
    await (await openStore(databaseUrl, { autoMigrate: true, clock: () => frozenNow })).close()
    const body = { email: 'ada@example.org', password: goodPassword }
    await (await buildTestApp(t, { databaseUrl })).signup(body)
    const test = await buildTestApp(t, {
      databaseUrl,
      cost: { ...cheapHash, passes: 3 },
      wrapStore: (store) => ({
        ...store,
        accounts: {
          ...store.accounts,
          replaceHash: async () => {
            throw thrown
          },
        },
      }),
    })
    t.equal((await test.call('POST', '/login', { body })).statusCode, status)
  }
})
