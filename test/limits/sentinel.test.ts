import t from 'tap'
import { connectRedis } from '../../src/limits/redis.js'
import { freePort } from '../support/cluster.js'
import { buildTestApp } from '../helper.js'
import { makeJwk } from '../support/forge.js'
import { holdsSoon, startRedis } from '../support/redis.js'
import { startSentinel } from '../support/sentinel.js'

// Says what to install, and fails on CI, if there is no Redis.
const single = await startRedis(t)
if (single !== null)
  t.test('a failover loses counts, but no request', async (t) => {
    const group = await startSentinel(t)
    const keys = [{ ...makeJwk('ES256'), iat: 1000 }]
    const test = await buildTestApp(t, { keys, env: { REDIS_URL: group.url } })
    const statuses = new Set<number>()
    const login = async () => {
      const email = `${performance.now()}-${Math.random()}@example.org`
      statuses.add(
        (await test.call('POST', '/login', { body: { email, password: 'wrong' } })).statusCode,
      )
    }
    const shares = async () => {
      const before = (await group.keys()).length
      await login()
      return (await group.keys()).length > before
    }
    t.ok(await holdsSoon(shares), 'counts arrive at the replica')
    await group.killPrimary()
    t.ok(
      await holdsSoon(async () => {
        await login()
        return await group.isPromoted()
      }),
      'the sentinel promotes the replica',
    )
    t.ok(await holdsSoon(shares), 'and the counts are shared again')
    t.same([...statuses], [401], 'every request was served')
    t.match(
      test.log().filter(({ msg }) => String(msg).startsWith('Redis')),
      [{ msg: /cannot be used/ }, { msg: /is back/ }],
    )
  })

t.test('sentinels that are away are tried again, with TLS too', async (t) => {
  const warnings: unknown[] = []
  const logger = { info: () => {}, warn: (...words: unknown[]) => warnings.push(words) }
  for (const scheme of ['redis', 'rediss']) {
    const url = `${scheme}+sentinel://127.0.0.1:${await freePort()}/shared`
    const redis = connectRedis(url, logger as never)
    t.ok(await holdsSoon(() => warnings.length > 0), scheme)
    redis.disconnect()
    warnings.length = 0
  }
})
