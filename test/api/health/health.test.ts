import t from 'tap'
import { Problem } from '../../../src/errors.js'
import { migrateStore } from '../../../src/store/open-store.js'
import { buildTestApp, onEachDatabase, problem, query } from '../../helper.js'
import { clusterUrl } from '../../support/cluster.js'

await onEachDatabase(t, async (t, database) => {
  let draining = false
  let away = false
  const { call, log, databaseUrl } = await buildTestApp(t, {
    database,
    drain: { isDraining: () => draining, isReady: () => !draining, begin: async () => {} },
    wrapStore: (store) => ({
      ...store,
      ping: async () => {
        if (away) throw new Problem('unavailable', { cause: new Error('gone') })
        await store.ping()
      },
    }),
  })
  const isUp = async (path: string) => {
    const reply = await call('GET', path)
    t.equal(reply.statusCode, 200, path)
    t.strictSame(reply.json(), { status: 'ok' })
    t.match(reply.headers, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'retry-after': undefined,
    })
    const head = await call('HEAD', path)
    t.strictSame([head.statusCode, head.body], [200, ''])
  }
  const isDown = async () => {
    const reply = await call('GET', '/health/ready')
    t.strictSame(Object.keys(problem(t, reply, 503, 'unavailable')), [
      'type',
      'title',
      'status',
      'code',
      'detail',
      'request_id',
    ])
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/)
    await isUp('/health/live')
  }

  await isUp('/health/live')
  await isUp('/health/ready')
  t.strictSame(log(), [], 'probes that go well are not logged')

  draining = true
  await isDown()
  t.strictSame(log(), [], 'neither is that the server is about to end')
  draining = false
  await isUp('/health/ready')

  away = true
  await isDown()
  t.match(log(), [{ level: 40, err: { type: 'Error', message: 'gone' } }])
  away = false
  await isUp('/health/ready')

  if (database === 'postgresql') {
    await query(
      clusterUrl(),
      `DROP DATABASE ${new URL(databaseUrl).pathname.slice(1)} WITH (FORCE)`,
    )
    await isDown()
    problem(
      t,
      await call('POST', '/login', { body: { email: 'ada@example.org', password: 'x' } }),
      503,
      'unavailable',
    )
    await query(clusterUrl(), `CREATE DATABASE ${new URL(databaseUrl).pathname.slice(1)}`)
    await isDown()
    await migrateStore(databaseUrl, () => {})
    await isUp('/health/ready')
  }
})

t.test('those who ask at the same time share one query, also when it fails', async (t) => {
  let queries = 0
  const { call } = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      ping: async () => {
        if (queries++ % 2) throw new Problem('unavailable')
        await store.ping()
      },
    }),
  })
  for (const status of [200, 503, 200]) {
    const before = queries
    const replies = await Promise.all(
      Array.from({ length: 300 }, async () => await call('GET', '/health/ready')),
    )
    t.equal(queries, before + 1)
    t.ok(
      replies.every(({ statusCode }) => statusCode === status),
      `${status}`,
    )
  }
})
