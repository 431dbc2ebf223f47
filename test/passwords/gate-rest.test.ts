import { clearInterval, setInterval } from 'node:timers'
import t from 'tap'
import { createFairQueue } from '../../src/passwords/fair-queue.js'
import { createHashGate } from '../../src/passwords/gate.js'
import { createNeighbours } from '../../src/passwords/pace.js'

// The timers of a rest do not keep a process running.
const alive = setInterval(() => {}, 1000)
t.teardown(() => {
  clearInterval(alive)
})

/** A clock on which each look takes a while, so a rest can end between two looks. */
function slowClock(step: number): () => number {
  let looks = 0
  return () => performance.now() + ++looks * step
}

const steps = [0.01, 0.1, 0.25, 0.5, 1, 2]
const many = async (run: (network: string) => Promise<string>) => {
  await run('neighbour')
  const done = await Promise.allSettled(Array.from({ length: 40 }, async () => await run('busy')))
  return done.filter(({ status }) => status === 'fulfilled').length
}

t.test('no hash stays asleep when its rest ends between two looks at the clock', async (t) => {
  const done: Record<string, number> = {}
  for (const step of steps) {
    const gate = createHashGate({ concurrency: 2, queueMilliseconds: 2000, now: slowClock(step) })
    done[step] = await many(
      async (network) =>
        await gate.enter(null, async (turn) => await turn(async () => network), network),
    )
  }
  t.strictSame(done, Object.fromEntries(steps.map((step) => [step, 40])))
})

t.test('no estimate stays asleep either', async (t) => {
  const done: Record<string, number> = {}
  for (const step of steps) {
    const now = slowClock(step)
    const queue = createFairQueue(64, createNeighbours(now), now)
    done[step] = await many(async (network) => await queue.run({ network }, async () => network))
  }
  t.strictSame(done, Object.fromEntries(steps.map((step) => [step, 40])))
})
