import t from 'tap'
import { poolOptions } from '../../src/store/postgres-options.js'
import { createRoutes, isReadOnly, routedClient } from '../../src/store/postgres-route.js'
import { freshDatabase, query } from '../helper.js'
import { clusterUrl, freePort } from '../support/cluster.js'

const writable = await freshDatabase(t, 'postgresql')
const standby = await freshDatabase(t, 'postgresql')
await query(
  clusterUrl(),
  `ALTER DATABASE ${new URL(standby).pathname.slice(1)} SET default_transaction_read_only = on`,
)
const away = `postgresql://postgres@127.0.0.1:${await freePort()}/x`

t.test('the first host that can be written to', async (t) => {
  for (const urls of [[writable], [standby, writable], [away, standby, writable]]) {
    const route = await createRoutes(urls, poolOptions).find()
    t.match(route, { url: writable, acceptsTimeouts: true, isPooled: false })
  }
  t.match(
    await createRoutes([standby], poolOptions).find(),
    { url: standby },
    'a single host may be read-only',
  )
})

t.test('a role or a server without timelines', async (t) => {
  const role = `role_${crypto.randomUUID().slice(0, 8)}`
  const url = await freshDatabase(t, 'postgresql')
  await query(url, `CREATE ROLE ${role} LOGIN`)
  t.teardown(async () => {
    await query(clusterUrl(), `DROP ROLE ${role}`)
  })
  await query(url, 'REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC')
  const mine = Object.assign(new URL(url), { username: role }).href
  t.match(await createRoutes([away, mine], poolOptions).find(), { url: mine, timeline: 0 })
  t.match(await createRoutes([away, url], poolOptions).find(), { url, timeline: 1 })
})

t.test('without one, the error of the driver', async (t) => {
  await t.rejects(createRoutes([standby, standby], poolOptions).find(), { code: '25006' })
  await t.rejects(createRoutes([standby, away], poolOptions).find(), { code: 'ECONNREFUSED' })
  t.ok(isReadOnly(Object.assign(new Error(), { code: '25006' })))
  t.notOk(isReadOnly(new Error()))
})

t.test('it looks once, and again after a failure or when it is told to', async (t) => {
  const urls = [away]
  const routes = createRoutes(urls, poolOptions)
  const [first, second] = [routes.find(), routes.find()]
  routes.forget()
  const third = routes.find()
  for (const failed of [first, second, third]) await t.rejects(failed, { code: 'ECONNREFUSED' })
  urls[0] = writable
  const found = await routes.find()
  t.equal(found.url, writable)
  t.equal(await routes.find(), found)
  routes.forget()
  t.not(await routes.find(), found)
})

t.test('a client goes there, and not to a standby', async (t) => {
  const routes = createRoutes([writable], poolOptions)
  const elsewhere = Object.assign(new URL(writable), { port: String(await freePort()) }).href
  const client = new (routedClient(routes, true))({ connectionString: elsewhere })
  await client.connect()
  t.equal((await client.query<{ one: number }>('SELECT 1 AS one')).rows[0]?.one, 1)
  await client.end()

  const stale = { find: async () => await createRoutes([standby], poolOptions).find() }
  let forgotten = 0
  const misled = new (routedClient({ ...stale, forget: () => forgotten++ }, true))({
    connectionString: standby,
  })
  await t.rejects(misled.connect(), { code: '25006' })
  t.equal(forgotten, 1, 'the route is looked for again')
})
