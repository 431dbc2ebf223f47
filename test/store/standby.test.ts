import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { buildTestApp, goodPassword, type TestApp } from '../helper.js'
import { type Cluster, killServer, makeCluster, removeCluster } from '../support/cluster.js'
import { query } from '../support/query.js'
import { follow, makeEmptyCluster, promote, stopInOrder, until } from '../support/standby.js'

const one = await makeCluster()
const two = await makeEmptyCluster(one)
t.teardown(() => {
  removeCluster(two)
  removeCluster(one)
})
const place = ({ url }: Cluster) => new URL(url).host
const hosts = `postgresql://postgres@${place(one)},${place(two)}/postgres?target_session_attrs=read-write`

/** Clients that sign up one after the other, and what they were told. */
function startSignups({ call }: TestApp, clients = 4) {
  const acknowledged: string[] = []
  const statuses = new Set<string>()
  const end = new AbortController()
  const running = Array.from({ length: clients }, async () => {
    while (!end.signal.aborted) {
      const email = `${crypto.randomUUID()}@example.org`
      const reply = await call('POST', '/signup', { body: { email, password: goodPassword } })
      if (reply.statusCode === 201) acknowledged.push(email)
      const { code = '' } = reply.json<{ code?: string }>()
      const retry = reply.headers['retry-after'] === undefined ? '' : ' Retry-After'
      statuses.add(`${reply.statusCode} ${code}${retry}`.trim())
      await wait(10)
    }
  })
  return {
    acknowledged,
    /** Waits until a sign-up succeeds that began now. */
    untilOne: async () => {
      const { length } = acknowledged
      // The first ones may have been under way.
      const latest = performance.now() + 10_000
      while (acknowledged.length < length + clients + 1 && performance.now() < latest)
        await wait(20)
      return acknowledged.length > length + clients
    },
    stop: async () => {
      end.abort()
      await Promise.all(running)
      return [...statuses].sort()
    },
  }
}

async function missing(acknowledged: string[], { url }: Cluster): Promise<string[]> {
  const stored = new Set((await query(url, 'SELECT email FROM users')).map(({ email }) => email))
  return acknowledged.filter((email) => !stored.has(email))
}

/** Takes the primary away under sign-ups, promotes the standby, and compares. */
async function failOver(t: Test, standby: Cluster, end: () => Promise<void>): Promise<void> {
  const env = { RATE_LIMITS: 'off' }
  const test = await buildTestApp(t, { databaseUrl: hosts, env })
  const { access_token: token } = await test.signup()
  const signups = startSignups(test)
  t.ok(await signups.untilOne())
  await end()
  const claims = await test.call('GET', '/claims', { token })
  t.equal(claims.statusCode, 200, 'tokens are checked without a database')
  await promote(standby)
  t.ok(await signups.untilOne(), 'writes work again')
  const statuses = await signups.stop()
  t.strictSame(await missing(signups.acknowledged, standby), [])
  t.strictSame(
    statuses.filter((status) => !['201', '503 unavailable Retry-After'].includes(status)),
    [],
  )
}

t.test('the primary is killed: the promoted standby has every acknowledged sign-up', async (t) => {
  await (await openStore(one.url, { autoMigrate: true, clock: Date.now })).close()
  await follow(one, two, { isSynchronous: true })
  for (const { url } of [one, two])
    t.strictSame(await query(url, 'SHOW fsync'), [{ fsync: 'on' }], 'losses would be found')
  await failOver(t, two, async () => {
    await killServer(one)
  })
})

t.test('the former primary joins again, and takes over from one that is stopped', async (t) => {
  await follow(two, one, { isSynchronous: true })
  await failOver(t, one, async () => {
    await stopInOrder(two)
  })
})

t.test('a standby alone: reads work, a write is 503 and drops its connection', async (t) => {
  await follow(one, two, { isSynchronous: false })
  const { jwks, signup } = await buildTestApp(t, { databaseUrl: hosts })
  const { access_token: token } = await signup()
  const { call } = await buildTestApp(t, { databaseUrl: two.url, keys: jwks.keys })
  const pids = async () =>
    (
      await query(
        two.url,
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'latchkey' ORDER BY pid",
      )
    ).map(({ pid }) => Number(pid))
  await until(async () => (await call('GET', '/me', { token })).statusCode === 200)
  const before = await pids()
  t.ok(before.length > 0)
  const body = { email: 'standby@example.org', password: goodPassword }
  for (let tries = 0; tries < before.length; tries++) {
    const refused = await call('POST', '/signup', { body })
    t.match(refused.json(), { status: 503, code: 'unavailable' })
    t.ok(refused.headers['retry-after'])
  }
  await until(async () => (await pids()).every((pid) => !before.includes(pid)))
  await promote(two)
  t.equal((await call('POST', '/signup', { body })).statusCode, 201)
})

t.test('a former primary that was not fenced is passed over', async (t) => {
  // The first host of the URL was left running when the second one was promoted.
  for (const { url } of [one, two])
    t.strictSame(await query(url, 'SHOW transaction_read_only'), [{ transaction_read_only: 'off' }])
  const store = await openStore(hosts, { autoMigrate: false, clock: Date.now })
  const email = 'new@example.org'
  t.ok(await store.accounts.create({ email, passwordHash: '!', name: null }))
  t.strictSame(await missing([email], two), [])
  t.strictSame(await missing([email], one), [email])
  await store.close()
})
