import { Piscina } from 'piscina'
import { createFairQueue, type Waiter } from './fair-queue.js'
import { createNeighbours } from './pace.js'

/** How soon a password would be guessed: 0 (at once) to 4, and what would make it better. */
export interface Estimate {
  score: number
  advice: string[]
}

/**
 * Estimates a password.
 *
 * @param words what the account is known by, such as the parts of its e-mail; they count as
 *   common words
 * @param waiter who asks; without it the caller is the operator
 * @throws Problem `overloaded`
 */
export type Estimator = (password: string, words: string[], waiter?: Waiter) => Promise<Estimate>

/**
 * Estimates that can wait. An ordinary one takes some ten milliseconds, a hostile one four
 * times that.
 */
const places = 64

const clock = () => performance.now()

/**
 * The estimator zxcvbn in a thread of its own. Its word lists take 60 MB and 0.4 s to load and
 * a long password takes it hundredths of a second, so it neither runs on the event loop nor
 * stays in memory: the thread starts with the first sign-up and ends after a minute without
 * one. Networks take turns and rest, also with `RATE_LIMITS=off`: this bounds what one network
 * takes from the others, it does not count calls.
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
  const queue = createFairQueue(places, neighbours, clock)
  return async (password, words, waiter = { network: '' }) =>
    await queue.run(waiter, async () => (await pool.run({ password, words })) as Estimate)
}
