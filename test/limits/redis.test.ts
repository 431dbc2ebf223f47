import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { limits } from '../../src/limits/table.js'
import { buildTestApp, goodPassword, problem, type TestApp, type TestOptions } from '../helper.js'
import { startServer } from '../support/process.js'
import { holdsSoon, type RedisServer, startRedis } from '../support/redis.js'
import { makeJwk } from '../support/forge.js'

const { free } = limits['password-email-network']
const keys = [{ ...makeJwk('ES256'), iat: 1000 }]
const email = 'ada@example.org'
const login = async ({ call }: TestApp, address: string, password = 'wrong') =>
  await call('POST', '/login', { body: { email: address, password } })
const said = ({ log }: TestApp) =>
  log()
    .filter(({ msg }) => String(msg).startsWith('Redis'))
    .map(({ level, msg, reason }) => [level, String(msg).split(':')[0], reason])
const away = [40, 'Redis cannot be used']
const back = [30, 'Redis is back', undefined]

/**
 * An application with this Redis, once it uses it; another replica of the one whose database it
 * is given.
 */
async function build(t: Test, { url, keys: held }: RedisServer, options: TestOptions = {}) {
  const test = await buildTestApp(t, { keys, env: { REDIS_URL: url }, ...options })
  t.ok(
    await holdsSoon(async () => {
      await login(test, `${performance.now()}@example.org`)
      return Object.keys(await held()).length > 0
    }),
  )
  return test
}

const redis = await startRedis(t)
if (redis !== null) {
  t.test('two replicas count together, and Redis sees no address', async (t) => {
    // On a busy machine, Redis can take longer than the product waits for it.
    const patience = { redisTimeout: 10_000 }
    const one = await build(t, redis, patience)
    const two = await build(t, redis, { ...patience, databaseUrl: one.databaseUrl })
    for (let index = 0; index <= free; index++)
      problem(t, await login(index % 2 ? one : two, email), 401, 'invalid_credentials')
    for (const test of [one, two]) problem(t, await login(test, email), 429, 'rate_limited')
    const held = await redis.keys()
    t.equal(
      Object.entries(held).filter(
        ([name, value]) =>
          name.startsWith('latchkey:password-email-network:') && value === String(free + 1),
      ).length,
      1,
    )
    for (const name of Object.keys(held)) t.match(name, /^latchkey:[a-z-]+:[\w-]{22}$/)
    t.strictSame([said(one), said(two)], [[], []])
    t.notMatch(one.logText() + two.logText(), /swordfish|ada@/)
  })

  t.test('while Redis is away each replica goes on for itself, and no request fails', async (t) => {
    const test = await build(t, redis)
    await redis.stop()
    for (let index = 0; index <= free; index++)
      problem(t, await login(test, 'kill@example.org'), 401, 'invalid_credentials')
    problem(t, await login(test, 'kill@example.org'), 429, 'rate_limited')
    t.ok(await holdsSoon(() => said(test).length > 0), 'said as soon as it cannot be reached again')
    t.match(said(test), [away])
    t.equal(said(test).length, 1, 'said once')
    const started = await buildTestApp(t, {
      keys,
      env: { REDIS_URL: redis.url },
      databaseUrl: test.databaseUrl,
    })
    problem(t, await login(started, 'kill@example.org'), 401, 'invalid_credentials')
    t.match(said(started), [[...away, 'ECONNREFUSED']], 'nor does the start wait for it')
    await redis.start()
    t.ok(
      await holdsSoon(() => said(test).length === 2 && said(started).length === 2),
      'it comes back by itself',
    )
    t.match(said(test)[1], back)
    t.equal((await login(test, 'kill@example.org')).statusCode, 401, 'the shared count is new')
    t.not(Object.keys(await redis.keys()).length, 0)
  })

  t.test('a Redis that hangs costs one short wait, not one for each request', async (t) => {
    const test = await build(t, redis)
    const { user } = await test.signup()
    const sent = t.capture(Redis.prototype, 'sendCommand', Redis.prototype.sendCommand)
    redis.signal('SIGSTOP')
    for (let index = 0; index <= 10; index++)
      t.equal((await login(test, user.email, goodPassword)).statusCode, 200)
    const outcomes = await Promise.allSettled(
      sent()
        .filter(({ args: [command] }) =>
          command.args.some((word) => String(word).startsWith('latchkey:')),
        )
        .map(async ({ args: [command] }) => await command.promise),
    )
    t.ok(outcomes.length > 10, 'each request wants to count')
    t.equal(
      outcomes.filter(
        (outcome) =>
          outcome.status === 'rejected' && outcome.reason.message === 'Command timed out',
      ).length,
      1,
      'the first waits; the others fail at once',
    )
    t.match(said(test), [away])
    redis.signal('SIGCONT')
    t.ok(await holdsSoon(() => said(test).length === 2))
    t.match(said(test)[1], back)
  })

  t.test('a Redis that refuses is named by its word for it, and shows no password', async (t) => {
    const test = await buildTestApp(t, {
      keys,
      env: { REDIS_URL: redis.url.replace('swordfish', 'hunter2') },
    })
    problem(t, await login(test, email), 401, 'invalid_credentials')
    t.ok(await holdsSoon(() => said(test).length === 1))
    t.match(said(test), [[...away, /^[A-Z]+$/]])
    t.notMatch(test.logText(), /hunter2|swordfish/)
  })

  t.test('processes with one Redis count together, without it each for itself', async (t) => {
    for (const REDIS_URL of [redis.url, '']) {
      const folder = t.testdir()
      const env = {
        KEYS_FILE: join(folder, 'keys.json'),
        PUBLIC_URL: 'https://auth.example.org',
        ARGON2_MEMORY_KIB: '7168',
        ARGON2_PASSES: '5',
        HASH_QUEUE_MS: '60000',
        REDIS_URL,
      }
      const [one, two] = [await startServer(t, folder, env), await startServer(t, folder, env)]
      const guess = async (url: string) =>
        (
          await fetch(`${url}/login`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ email, password: 'wrong' }),
          })
        ).status
      // All at once, and counted: on a slow machine a wait may end meanwhile.
      const compared = async (url: string) =>
        (await Promise.all(Array.from({ length: 30 }, async () => await guess(url)))).filter(
          (status) => status === 401,
        ).length
      t.ok((await compared(one.url)) > free)
      t.equal((await compared(two.url)) > free, REDIS_URL === '')
      for (const server of [one, two]) t.equal(await server.stop('SIGTERM'), 0)
    }
  })
}
