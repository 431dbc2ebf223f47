import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { connectRedis } from '../../src/limits/redis.js'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, problem } from '../helper.js'
import { holdsSoon, type RedisServer, startRedis } from '../support/redis.js'
import { startProxy } from '../support/tcp-proxy.js'

const { free } = limits['password-email-network']

/** Makes one server a replica of another, or a primary. */
async function replicate(replica: RedisServer, primary: RedisServer | null): Promise<void> {
  const client = new Redis(replica.url)
  if (primary === null) await client.replicaof('NO', 'ONE')
  else {
    const { port, password } = new URL(primary.url)
    await client.config('SET', 'masterauth', password)
    await client.replicaof('127.0.0.1', port)
  }
  client.disconnect()
}

const portOf = ({ url }: RedisServer) => Number(new URL(url).port)
const said = (lines: Array<Record<string, unknown>>) =>
  lines
    .filter(({ msg }) => String(msg).startsWith('Redis'))
    .map(({ msg }) => String(msg).split(':')[0])
// On a busy machine, a command may time out first.
const away = 'Redis cannot be used'
const back = 'Redis is back'

const one = await startRedis(t)
const two = one && (await startRedis(t))
if (one !== null && two !== null) {
  t.test('a demoted Redis is left for the new primary behind the same address', async (t: Test) => {
    const proxy = await startProxy(portOf(one))
    t.teardown(() => {
      proxy.close()
    })
    const url = Object.assign(new URL(one.url), { port: String(proxy.port) }).href
    const { call, log, logText } = await buildTestApp(t, { env: { REDIS_URL: url } })
    const login = async (email: string) =>
      await call('POST', '/login', { body: { email, password: 'wrong' } })
    const counts = async ({ keys }: RedisServer) => Object.keys(await keys()).length
    let turn = 0
    const isCounted = async (server: RedisServer) => {
      await login(`${turn++}@example.org`)
      return (await counts(server)) > 0
    }
    t.ok(await holdsSoon(async () => await isCounted(one)))

    await replicate(one, two)
    const connected = proxy.connections()
    for (let index = 0; index <= free; index++)
      problem(t, await login('ada@example.org'), 401, 'invalid_credentials')
    problem(t, await login('ada@example.org'), 429, 'rate_limited', 'this process counts')
    const earlier = said(log())
    t.equal(earlier.at(-1), away)
    const end = performance.now() + 2500
    while (performance.now() < end) {
      t.equal((await login('ada@example.org')).statusCode, 429)
      await wait(50)
    }
    t.ok(proxy.connections() > connected, 'it tries other connections')
    t.ok(proxy.connections() <= connected + 4, 'at most one a second')
    t.strictSame(said(log()), earlier, 'said once: responses to reads do not count')
    t.equal(await counts(two), 0)

    proxy.leadTo(portOf(two))
    t.ok(await holdsSoon(async () => await isCounted(two)), 'it counts at the new primary')
    t.ok(await holdsSoon(() => said(log()).at(-1) === back))
    t.notMatch(logText(), /swordfish/)
  })

  t.test('a Redis that is promoted again is used on the same connection', async (t: Test) => {
    const { call, log } = await buildTestApp(t, { env: { REDIS_URL: one.url } })
    const login = async () =>
      await call('POST', '/login', { body: { email: 'eve@example.org', password: 'wrong' } })
    const soon = async (line: string) =>
      await holdsSoon(async () => {
        await login()
        return said(log()).at(-1) === line
      })
    t.ok(await soon(away), 'a replica from the start')
    await replicate(one, null)
    t.ok(await soon(back))
  })

  t.test('the error of a script before Redis 7 is known, too', async (t: Test) => {
    const lines: unknown[] = []
    const write = (...line: unknown[]) => {
      lines.push(line[0])
    }
    const redis = connectRedis(two.url, { info: write, warn: write } as never)
    t.teardown(() => {
      redis.disconnect()
    })
    await new Promise((resolve) => redis.once('ready', resolve))
    const text =
      "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica."
    await t.rejects(redis.eval(`return redis.error_reply('${text.replaceAll("'", "\\'")}')`, 0))
    t.strictSame(lines, [{ reason: 'READONLY' }])
    await new Promise((resolve) => redis.once('ready', resolve))
    t.equal(await redis.eval('return 1', 0), 1)
    t.match(lines[1], /^Redis is back/)
  })
}
