import { Piscina } from 'piscina'
import { createFairQueue, type Waiter } from './fair-queue.js'
import { createNeighbours } from './pace.js'

/** The strength of a password, 0 (guessed at once) to 4, and advice to improve it. */
export interface Estimate {
  score: number
  advice: string[]
}

/**
 * Estimates a password.
 *
 * @param words words about the account, such as the parts of its e-mail address; they count as
 *   common words
 * @param waiter the caller; without it, the operator
 * @throws Problem `overloaded` if too many estimates wait
 */
export type Estimator = (password: string, words: string[], waiter?: Waiter) => Promise<Estimate>

/**
 * The max number of waiting estimates. A normal password takes some ten milliseconds, a hostile
 * one four times as long.
 */
const places = 64

const clock = () => performance.now()

/**
 * Creates the estimator zxcvbn in a thread of its own. Its word lists take 60 MB and 0.4 s to
 * load, and a long password takes hundredths of a second. So the thread starts with the first
 * sign-up, and ends after a minute without one. Networks take turns and rest, also with
 * `RATE_LIMITS=off`: this bounds the share of one network, it does not count calls.
 *
 * @param neighbours can be shared with the hash gate
 */
export function createEstimator(neighbours = createNeighbours(clock)): Estimator {
  const extension = import.meta.url.slice(-3)
  const pool = new Piscina({
    filename: new URL(`./strength-worker${extension}`, import.meta.url).href,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: 60_000,
  })
  // Not charged to the network whose sign-up happens to start it: it would rest for seconds.
  const startThread = async () => {
    if (pool.threads.length === 0) await pool.run({ password: '', words: [] })
  }
  const queue = createFairQueue(places, neighbours, clock, startThread)
  return async (password, words, waiter = { network: '' }) =>
    await queue.run(waiter, async () => (await pool.run({ password, words })) as Estimate)
}
