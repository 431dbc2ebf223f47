import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createBatch } from '../../src/store/batch.js'

/**
 * Begins so many waits in each turn, before those of earlier turns can end, as requests do;
 * answers the turn in which each ended.
 */
async function run(turns: number, beginsIn: (turn: number) => number): Promise<number[]> {
  const together = createBatch()
  let now = 0
  const ends: Array<Promise<number>> = []
  for (; now < turns; now++) {
    const next = turn()
    for (let count = 0; count < beginsIn(now); count++) ends.push(together().then(() => now))
    await next
  }
  return await Promise.all(ends)
}

t.test(
  'who comes in the turn after the first waits with them, until a turn brings nobody',
  async (t) => {
    const ends = await run(20, (turn) => [3, 1, 2][turn] ?? 0)
    t.equal(ends.length, 6)
    t.equal(new Set(ends).size, 1, 'all in one turn')
    t.ok(Number(ends[0]) >= 2 && Number(ends[0]) <= 4, String(ends[0]))
  },
)

t.test('who is alone waits for one turn', async (t) => {
  const [alone, later] = await run(20, (turn) => (turn === 0 || turn === 10 ? 1 : 0))
  t.ok(Number(alone) <= 1 && Number(later) <= 11, `${String(alone)}, ${String(later)}`)
})

t.test('nobody waits for ever, however many come', async (t) => {
  const ends = await run(60, () => 1)
  ends.forEach((end, begin) => {
    t.ok(end - begin <= 8, `from ${begin} to ${end}`)
  })
  t.ok(new Set(ends).size <= 60 / 4, 'in few groups')
})
