import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { buildTestApp, goodPassword, problem } from '../helper.js'
import { type Cluster, killServer, makeCluster, removeCluster } from '../support/cluster.js'
import { query } from '../support/query.js'
import { holdsSoon } from '../support/redis.js'
import { follow, makeEmptyCluster } from '../support/standby.js'

const primary = await makeCluster()
const standby = await makeEmptyCluster(primary)
t.teardown(() => {
  removeCluster(standby)
  removeCluster(primary)
})
const sql = async (text: string) => await query(primary.url, text)

/** The max connections of the role that Latchkey uses. */
const most = 12
await (await openStore(primary.url, { autoMigrate: true, clock: Date.now })).close()
await sql(`CREATE ROLE latchkey LOGIN CONNECTION LIMIT ${most}`)
await sql('GRANT ALL ON ALL TABLES IN SCHEMA public TO latchkey')

const place = ({ url }: Cluster) => new URL(url).host
const hosts = `postgresql://latchkey@${place(primary)},${place(standby)}/postgres?target_session_attrs=read-write`

/** The commits that wait for the standby. */
const commits = async () =>
  (await sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).length

async function startTest(t: Test) {
  const { call, signup } = await buildTestApp(t, {
    databaseUrl: hosts,
    env: { RATE_LIMITS: 'off' },
  })
  const { access_token: token } = await signup()
  return {
    me: async () => await call('GET', '/me', { token }),
    claims: async () => await call('GET', '/claims', { token }),
    ready: async () => await call('GET', '/health/ready'),
    register: async (email: string) =>
      await call('POST', '/signup', { body: { email, password: goodPassword } }),
    login: async (email: string) =>
      await call('POST', '/login', { body: { email, password: goodPassword } }),
  }
}

t.test('while a synchronous standby is away, writes are 503, and reads work', async (t) => {
  await follow(primary, standby, { isSynchronous: true })
  const { me, claims, ready, register, login } = await startTest(t)
  await killServer(standby)
  const begin = performance.now()
  // Together more than the role has connections: each of them must come free again.
  const emails = Array.from({ length: most + 4 }, (_, index) => `p${index}@example.org`)
  for (const round of [emails.slice(0, 8), emails.slice(8)])
    for (const reply of await Promise.all(round.map(async (email) => await register(email)))) {
      problem(t, reply, 503, 'unavailable')
      t.match(reply.headers['retry-after'], /^\d+$/)
    }
  t.ok(performance.now() - begin < 10_000, 'no caller waits for ever')
  t.ok(await holdsSoon(async () => (await commits()) === 0), 'no connection stays behind')
  for (const read of [me, claims, ready]) t.equal((await read()).statusCode, 200)

  // A commit that was given up is stored at the primary, so a retry finds the address taken.
  const stored = (await sql('SELECT email FROM users')).map(({ email }) => String(email))
  const email = emails.find((one) => stored.includes(one)) ?? ''
  t.not(email, '')
  problem(t, await register(email), 409, 'email_taken')
  t.equal((await login(email)).statusCode, 200)

  await sql("ALTER SYSTEM SET synchronous_standby_names = ''")
  await sql('SELECT pg_reload_conf()')
  t.ok(await holdsSoon(async () => (await register('new@example.org')).statusCode !== 503))
  t.equal((await login('new@example.org')).statusCode, 200)
})

t.test('writes work again by themselves when the standby is back', async (t) => {
  await follow(primary, standby, { isSynchronous: true })
  const { register } = await startTest(t)
  await killServer(standby)
  problem(t, await register('first@example.org'), 503, 'unavailable')
  await follow(primary, standby, { isSynchronous: true })
  t.equal((await register('second@example.org')).statusCode, 201)
})
