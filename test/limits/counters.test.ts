import t from 'tap'
import { createCounters } from '../../src/limits/counters.js'

const day = 24 * 3600

t.test('counters in memory are bounded: the oldest is dropped first', async (t) => {
  const most = 1000
  const counter = createCounters(undefined, most).open('test', { points: 10, duration: day })
  const used = async (key: string) => (await counter.consume(key)).consumedPoints
  await counter.consume('first')
  for (let index = 1; index < most; index++) await counter.consume(`key ${index}`)
  t.equal(await used('first'), 2, 'a full table keeps the first')
  // Deleted counters make room.
  for (let index = 1; index < most; index++) await counter.delete(`key ${index}`)
  for (let index = 1; index < most; index++) await counter.consume(`more ${index}`)
  t.equal(await used('first'), 3, 'after others were deleted')
  for (let round = 0; round < 3; round++) {
    const counts = []
    for (let index = 0; index < most; index++) counts.push(await used(`round ${round} ${index}`))
    t.strictSame(
      counts,
      counts.map(() => 1),
      `round ${round}: new keys begin at one`,
    )
    t.equal(await used('first'), 1, `round ${round}: the oldest was dropped`)
    t.equal(await used(`round ${round} ${most - 1}`), 2, `round ${round}: the newest was kept`)
  }
})
