import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectRedis } from '../../src/limits/redis.js'
import { freePort } from '../support/cluster.js'
import { buildTestApp, temporaryFolder } from '../helper.js'
import { makeJwk } from '../support/forge.js'
import { holdsSoon, startRedis } from '../support/redis.js'
import { startSentinel } from '../support/sentinel.js'

/** A sentinel with a password, which knows no primary. */
async function startProtectedSentinel(t: Test): Promise<{ port: number }> {
  const port = await freePort()
  const folder = mkdtempSync(join(temporaryFolder, 'latchkey-sentinel-'))
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, `port ${port}\nbind 127.0.0.1\ndir ${folder}\nrequirepass other\n`)
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  t.teardown(async () => {
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  })
  return { port }
}

// Says what to install, and fails on CI, if there is no Redis.
const single = await startRedis(t)
if (single !== null) {
  t.test('the log says why sentinels are of no use', async (t) => {
    const group = await startSentinel(t)
    const { port } = await startProtectedSentinel(t)
    const rows: Array<[what: string, url: string, reason: string]> = [
      [
        'another name',
        group.url.replace('/shared', '/other'),
        'the sentinels know no primary with the name in REDIS_URL',
      ],
      ['another password', group.url.replace('swordfish', 'S3cret'), 'WRONGPASS'],
      [
        'without the password of the sentinels',
        `redis+sentinel://127.0.0.1:${port}/shared`,
        'the sentinels want another sentinel_password',
      ],
      [
        'with a wrong password of the sentinels',
        `redis+sentinel://127.0.0.1:${port}/shared?sentinel_password=S3cret`,
        'the sentinels want another sentinel_password',
      ],
      [
        'all sentinels away',
        `redis+sentinel://:S3cret@127.0.0.1:${await freePort()}/shared`,
        'no sentinel can be reached',
      ],
    ]
    for (const [what, url, reason] of rows) {
      const test = await buildTestApp(t, { env: { REDIS_URL: url } })
      const body = { email: 'ada@example.org', password: 'wrong' }
      const said = () => test.log().filter(({ msg }) => String(msg).startsWith('Redis'))
      t.ok(await holdsSoon(() => said().length > 0), what)
      t.equal((await test.call('POST', '/login', { body })).statusCode, 401, what)
      t.match(said(), [{ reason }], what)
      t.equal(said().length, 1, `${what}: said once`)
      t.notMatch(test.logText(), /S3cret|swordfish/, what)
    }
  })

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
}

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
