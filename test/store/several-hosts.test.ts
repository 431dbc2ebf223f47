import pg from 'pg'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { buildTestApp, goodPassword, problem } from '../helper.js'
import {
  type Cluster,
  freePort,
  makeCluster,
  removeCluster,
  startServer,
  stopServer,
} from '../support/cluster.js'
import { query } from '../support/query.js'
import { holdsSoon } from '../support/redis.js'
import { startProxy } from '../support/tcp-proxy.js'

/** Two servers with the same tables. The second one is read-only, as a standby is. */
async function makePair(t: Test): Promise<[Cluster, Cluster]> {
  const pair = [await makeCluster(), await makeCluster()] as const
  t.teardown(() => {
    pair.forEach(removeCluster)
  })
  for (const { url } of pair)
    await (await openStore(url, { autoMigrate: true, clock: Date.now })).close()
  await setReadOnly(pair[1], true)
  return [...pair]
}

async function setReadOnly({ url }: Cluster, state: boolean): Promise<void> {
  await query(url, `ALTER SYSTEM SET default_transaction_read_only = ${state ? 'on' : 'off'}`)
  await query(url, 'SELECT pg_reload_conf()')
}

/** A URL of several hosts. */
function hostsOf(...clusters: Cluster[]): string {
  const places = clusters.map(({ url }) => new URL(url).host).join(',')
  return `postgresql://postgres@${places}/postgres?target_session_attrs=read-write`
}

const [one, two] = await makePair(t)
const person = (name: string) => ({ email: `${name}@example.org`, passwordHash: '!', name })

t.test('the writable host is found, in whatever place it is', async (t) => {
  for (const [name, url] of [
    ['first', hostsOf(one, two)],
    ['second', hostsOf(two, one)],
    ['third', hostsOf(two, two, one)],
  ] as const) {
    const store = await openStore(url, { autoMigrate: false, clock: Date.now })
    t.ok(await store.accounts.create(person(name)))
    await store.close()
  }
  t.equal(Number((await query(one.url, 'SELECT count(*) AS n FROM users'))[0]?.n), 3)
  t.equal(Number((await query(two.url, 'SELECT count(*) AS n FROM users'))[0]?.n), 0)
})

t.test('connection_limit is the size of the pool', async (t) => {
  const url = `${hostsOf(one, two)}&connection_limit=2`
  const store = await openStore(url, { autoMigrate: false, clock: Date.now })
  await Promise.all(Array.from({ length: 8 }, async () => await store.accounts.list(null, 1)))
  const { in_use: used = 0, idle = 0 } = store.connections?.() ?? {}
  t.equal(used + idle, 2)
  await store.close()
})

t.test('a host that is away, silent or unknown does not keep the others out', async (t) => {
  const { port } = new URL(one.url)
  for (const bad of [`127.0.0.1:${await freePort()}`, 'nowhere.invalid:5432', '192.0.2.1:5432']) {
    const store = await openStore(`postgresql://postgres@${bad},127.0.0.1:${port}/postgres`, {
      autoMigrate: false,
      clock: Date.now,
    })
    t.ok(await store.accounts.create(person(`beside-${bad.replace(/\W/g, '-')}`)), bad)
    await store.close()
  }
})

t.test('a failover: requests fail with 503, then go to the new primary', async (t) => {
  const { call } = await buildTestApp(t, { databaseUrl: hostsOf(one, two) })
  const signup = async (email: string) =>
    await call('POST', '/signup', { body: { email, password: goodPassword } })
  t.equal((await signup('before@example.org')).statusCode, 201)
  stopServer(one)
  t.teardown(() => {
    startServer(one)
  })
  problem(t, await signup('during@example.org'), 503, 'unavailable')
  await setReadOnly(two, false)
  t.equal((await signup('after@example.org')).statusCode, 201)
  t.match(await query(two.url, 'SELECT email FROM users'), [{ email: 'after@example.org' }])
})

t.test('a primary that turned read-only is left for the other host', async (t) => {
  const { call } = await buildTestApp(t, { databaseUrl: hostsOf(one, two) })
  await setReadOnly(two, false)
  await setReadOnly(one, true)
  const signup = async (email: string) =>
    await call('POST', '/signup', { body: { email, password: goodPassword } })
  // Connections of before keep their setting only for the transaction that runs.
  const replies = [await signup('x1@example.org'), await signup('x2@example.org')]
  t.strictSame(replies.at(-1)?.statusCode, 201)
  t.notOk(replies.some(({ statusCode }) => statusCode === 500))
})

/** The two servers, both writable, behind proxies. One connection at a time. */
async function behindProxies(t: Test) {
  for (const server of [one, two]) await setReadOnly(server, false)
  const proxies = await Promise.all(
    [one, two].map(async ({ url }) => await startProxy(Number(new URL(url).port))),
  )
  t.teardown(() => {
    for (const proxy of proxies) proxy.close()
  })
  const places = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const { call } = await buildTestApp(t, {
    databaseUrl: `postgresql://postgres@${places}/postgres?connection_limit=1`,
  })
  return {
    proxies,
    signup: async (name: string) => {
      const email = `${name}@example.org`
      const reply = await call('POST', '/signup', { body: { email, password: goodPassword } })
      const where: string[] = []
      for (const [server, cluster] of Object.entries({ one, two }))
        if ((await query(cluster.url, `SELECT 1 FROM users WHERE email = '${email}'`)).length > 0)
          where.push(server)
      return `${reply.statusCode} ${where.join()}`.trim()
    },
  }
}

t.test('of two hosts that can be written to, the first one in the URL is used', async (t) => {
  const { proxies, signup } = await behindProxies(t)
  t.equal(await signup('both'), '201 one')
  proxies[0]?.leadTo(1)
  proxies[0]?.reset()
  t.ok(await holdsSoon(async () => (await signup(crypto.randomUUID())) === '201 two'))
  proxies[0]?.leadTo(Number(new URL(one.url).port))
  t.equal(await signup('stays'), '201 two', 'until it breaks')
  proxies[1]?.reset()
  t.ok(await holdsSoon(async () => (await signup(crypto.randomUUID())) === '201 one'))
})

t.test('a host whose network swallows everything is left after one timeout', async (t) => {
  const { proxies, signup } = await behindProxies(t)
  t.equal(await signup('reaches'), '201 one')
  proxies[0]?.blackHole(true)
  t.equal(await signup('swallowed'), '503')
  t.equal(await signup('elsewhere'), '201 two')
})

t.test('a host with a slow statement is not left', async (t) => {
  const { proxies, signup } = await behindProxies(t)
  t.equal(await signup('fast'), '201 one')
  const connections = proxies[1]?.connections()
  const holder = new pg.Client({ connectionString: one.url })
  await holder.connect()
  await holder.query('BEGIN; LOCK TABLE users IN EXCLUSIVE MODE')
  t.equal(await signup('slow'), '503')
  await holder.end()
  t.equal(await signup('again'), '201 one')
  t.equal(proxies[1]?.connections(), connections, 'the other host is not asked')
})
