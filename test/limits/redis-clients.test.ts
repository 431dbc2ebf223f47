import t from 'tap'
import { Redis } from 'ioredis'
import { buildTestApp } from '../helper.js'
import { makeJwk } from '../support/forge.js'
import { createMachineFlow, oauthOutcome } from '../support/machines.js'
import { holdsSoon, startRedis } from '../support/redis.js'

const keys = [{ ...makeJwk('ES256'), iat: 1000 }]
const [ok, refused, limited] = ['200', '401 invalid_client', '429 temporarily_unavailable']

const redis = await startRedis(t)
if (redis !== null)
  t.test('wrong secrets of machine clients count in Redis, and right ones never', async (t) => {
    const env = { REDIS_URL: redis.url }
    const one = await buildTestApp(t, { keys, env })
    const two = await buildTestApp(t, { keys, env, databaseUrl: one.databaseUrl })
    const [first, second] = [createMachineFlow(one), createMachineFlow(two)]
    const machine = await first.create()
    const held = async () =>
      Object.entries(await redis.keys()).filter(([name]) =>
        name.startsWith('latchkey:client-network:'),
      )
    const total = async () => (await held()).reduce((sum, [, value]) => sum + Number(value ?? 0), 0)
    const isReady = async ({ requestToken }: typeof first) => {
      const before = await total()
      await requestToken({ ...machine, secret: 'x' }, '198.51.100.7')
      return (await total()) > before
    }
    for (const flow of [first, second]) t.ok(await holdsSoon(async () => await isReady(flow)))
    const [[name = ''] = []] = await held()
    const guess = async (flow: typeof first) =>
      oauthOutcome(await flow.requestToken({ ...machine, secret: 'x' }))
    const right = async (flow: typeof first, network?: string) =>
      oauthOutcome(await flow.requestToken(machine, network))

    t.equal(await right(first), ok)
    t.strictSame(
      (await held()).map(([key]) => key),
      [name],
      'a right secret leaves no count',
    )
    t.strictSame([await guess(first), await guess(second)], [refused, refused])
    const counted = (await held()).find(([one]) => one !== name)
    t.equal(counted?.[1], '2', 'two replicas count together')

    const client = new Redis(redis.url)
    t.teardown(() => {
      client.disconnect()
    })
    await client.set(String(counted?.[0]), '1000', 'KEEPTTL')
    for (const flow of [first, second]) {
      t.strictSame([await right(flow), await guess(flow)], [limited, limited])
      t.equal(await right(flow, '198.51.100.1'), ok, 'from another network')
    }
    const reply = await first.requestToken(machine)
    const wait = Number(reply.headers['retry-after'])
    t.ok(wait > 0 && wait <= 900, `Retry-After ${wait}`)

    redis.signal('SIGSTOP')
    const begin = performance.now()
    for (let times = 0; times < 20; times++)
      t.strictSame([await right(first), await guess(second)], [ok, refused], 'each for itself')
    t.ok(performance.now() - begin < 5000, 'a Redis that hangs does not cost a wait each time')
    redis.signal('SIGCONT')
    t.ok(await holdsSoon(async () => (await right(first)) === limited), 'the shared count is back')
    await redis.stop()
    t.strictSame([await right(first), await guess(second)], [ok, refused], 'without Redis')
  })
