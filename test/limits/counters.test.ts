import t from 'tap'
import { createCounters } from '../../src/limits/counters.js'

const day = 24 * 3600

t.test('made-up addresses do not fill the memory: the oldest is forgotten', async (t) => {
  const most = 1000
  const counter = createCounters(undefined, most).open('test', { points: 10, duration: day })
  const used = async (key: string) => (await counter.consume(key)).consumedPoints
  await counter.consume('first')
  for (let index = 1; index < most; index++) await counter.consume(`key ${index}`)
  t.equal(await used('first'), 2)
  // What is deleted makes room.
  for (let index = 1; index < most; index++) await counter.delete(`key ${index}`)
  for (let index = 1; index < most; index++) await counter.consume(`more ${index}`)
  t.equal(await used('first'), 3)
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < most; index++) t.equal(await used(`round ${round} ${index}`), 1)
    t.equal(await used('first'), 1, 'forgotten')
    t.equal(await used(`round ${round} ${most - 1}`), 2, 'the youngest is not')
  }
})
