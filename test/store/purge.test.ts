import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { startPurge } from '../../src/store/purge.js'
import { frozenNow, query } from '../helper.js'
import { startServer } from '../support/process.js'
import { holdsSoon } from '../support/redis.js'

const day = 86_400_000

/** Starts a purge that looks at a clock of the test every millisecond. */
function start(t: Test, purge: (before: Date) => Promise<number>, refreshMaxSeconds = 60) {
  const time = { now: frozenNow }
  const log: unknown[][] = []
  let calls = 0
  const stop = startPurge(
    {
      purge: async (before) => {
        calls++
        return await purge(before)
      },
    },
    {
      clock: () => time.now,
      refreshMaxSeconds,
      logger: {
        info: (...words) => log.push(words),
        error: (...words) => log.push(words),
      },
      everyMilliseconds: 1,
    },
  )
  t.teardown(stop)
  return { time, log, stop, calls: () => calls }
}

t.test('it purges at the start, and when a day has passed on the clock', async (t) => {
  const befores: number[] = []
  const { time, log, stop, calls } = start(t, async (before) => {
    befores.push(before.getTime())
    return befores.length - 1
  })
  await wait(20)
  time.now += day - 1
  await wait(20)
  t.equal(calls(), 1, 'once a day')
  time.now += 1
  await wait(20)
  t.strictSame(befores, [frozenNow - 30 * day, frozenNow - 29 * day], '30 days ago')
  t.strictSame(log, [['removed 1 rows of accounts that were deleted long ago']])
  await stop()
  time.now += day
  await wait(20)
  t.equal(calls(), 2, 'stopped')
})

t.test('rows stay as long as a refresh token can be valid', async (t) => {
  const befores: number[] = []
  start(t, async (before) => befores.push(before.getTime()), 90 * 86_400)
  await wait(5)
  t.strictSame(befores, [frozenNow - 90 * day])
})

t.test('failures in a row are logged once, and it tries again', async (t) => {
  const failure = new Error('away')
  let fails = true
  const { time, log, calls } = start(t, async () => {
    if (fails) throw failure
    return 0
  })
  await wait(30)
  t.ok(calls() > 2, 'it tries again')
  const line = [{ err: failure }, 'rows of deleted accounts not removed; tried again every hour']
  t.strictSame(log, [line])
  fails = false
  await wait(20)
  fails = true
  time.now += day
  await wait(20)
  t.strictSame(log, [line, line], 'a later failure')
})

t.test('one purge at a time, and none fails after the end', async (t) => {
  let release = () => {}
  const { log, stop, calls } = start(
    t,
    async () =>
      await new Promise((_resolve, reject) => {
        release = () => {
          reject(new Error('closed'))
        }
      }),
  )
  await wait(20)
  t.equal(calls(), 1)
  await stop()
  release()
  await wait(5)
  t.strictSame(log, [])
})

t.test('a server removes them when it starts', async (t) => {
  const folder = t.testdir({})
  const databaseUrl = `file:${folder}/latchkey.db`
  const store = await openStore(databaseUrl, {
    autoMigrate: true,
    clock: () => Date.now() - 91 * day,
  })
  const [gone, kept] = await Promise.all(
    ['gone@example.org', 'kept@example.org'].map(
      async (email) => await store.accounts.create({ email, passwordHash: '!', name: null }),
    ),
  )
  if (!gone || !kept) throw new Error('not created')
  await store.accounts.delete(gone, { ifUnchanged: false, keepAdmin: true })
  await store.close()
  const server = await startServer(t, folder, { DATABASE_URL: databaseUrl })
  const rows = async () => (await query(databaseUrl, 'SELECT id FROM users')).map(({ id }) => id)
  t.ok(await holdsSoon(async () => (await rows()).length === 1))
  t.strictSame(await rows(), [kept.id])
  t.equal(await server.stop('SIGTERM'), 0)
})

t.test('many rows are removed in several statements', async (t) => {
  const databaseUrl = `file:${t.testdir({})}/latchkey.db`
  const store = await openStore(databaseUrl, { autoMigrate: true, clock: Date.now })
  t.teardown(store.close)
  await store.accounts.createMany(
    Array.from({ length: 1500 }, (_, index) => ({
      email: `p${index}@example.org`,
      passwordHash: '!',
      name: null,
      emailVerified: false,
    })),
  )
  await query(databaseUrl, "UPDATE users SET deleted_at = '2020-01-01T00:00:00.000+00:00'")
  t.equal(await store.accounts.purge(new Date()), 1500)
  t.equal(await store.accounts.purge(new Date()), 0)
})
