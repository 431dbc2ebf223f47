import t from 'tap'
import { createClockCheck } from '../../src/webhooks/clock-check.js'
import { frozenNow } from '../helper.js'

t.test('a clock that differs from that of the database is reported once', async (t) => {
  const time = { now: frozenNow, database: 0, takes: 0 }
  const log: unknown[][] = []
  const check = createClockCheck({
    cursors: {
      databaseTime: async () => {
        const read = time.now + time.database
        time.now += time.takes
        return read
      },
    },
    clock: () => time.now,
    logger: { warn: (...words) => log.push(words) },
  })
  const rows: Array<[database: number, takes: number, lines: number]> = [
    [0, 0, 0],
    [1000, 0, 0],
    [-1000, 0, 0],
    [3000, 2000, 0],
    [1001, 0, 1],
    [5000, 0, 1],
    [0, 0, 1],
    [-1001, 0, 2],
  ]
  for (const [database, takes, lines] of rows) {
    Object.assign(time, { database, takes })
    await check()
    t.equal(log.length, lines, `${database} ms`)
  }
  t.match(log[0], [{ event: 'webhook.clock', difference_ms: 1001 }, /clock/])
})
