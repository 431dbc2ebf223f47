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
function slowClock(step: number) {
  let ahead = 0
  return {
    now: () => performance.now() + (ahead += step),
    pass: (milliseconds: number) => {
      ahead += milliseconds
    },
  }
}

const steps = [0.01, 0.1, 0.25, 0.5, 1, 2]
/** Answers how much work of a network is done after some that uses up what it had saved. */
const many = async (
  run: (network: string, work: () => void) => Promise<void>,
  spend: () => void,
) => {
  await run('neighbour', () => {})
  await run('busy', spend)
  const done = await Promise.allSettled(
    Array.from({ length: 40 }, async () => {
      await run('busy', () => {})
    }),
  )
  return done.filter(({ status }) => status === 'fulfilled').length
}

t.test('no hash stays asleep when its rest ends between two looks at the clock', async (t) => {
  const done: Record<string, number> = {}
  for (const step of steps) {
    const { now, pass } = slowClock(step)
    const gate = createHashGate({ concurrency: 2, queueMilliseconds: 60_000, now })
    const run = async (network: string, work: () => void) => {
      await gate.enter(
        null,
        async (turn) => {
          await turn(async () => {
            work()
          })
        },
        network,
      )
    }
    done[step] = await many(run, () => {
      pass(667)
    })
  }
  t.strictSame(done, Object.fromEntries(steps.map((step) => [step, 40])))
})

t.test('no estimate stays asleep either', async (t) => {
  const done: Record<string, number> = {}
  for (const step of steps) {
    const { now, pass } = slowClock(step)
    const queue = createFairQueue(64, createNeighbours(now), now)
    const run = async (network: string, work: () => void) => {
      await queue.run({ network }, async () => {
        work()
      })
    }
    done[step] = await many(run, () => {
      pass(143)
    })
  }
  t.strictSame(done, Object.fromEntries(steps.map((step) => [step, 40])))
})
