import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startPurge } from '../../src/store/purge.js'
import { frozenNow } from '../helper.js'

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
