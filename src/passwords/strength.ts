import { Piscina } from 'piscina'
import { Problem } from '../errors.js'

/** How soon a password would be guessed: 0 (at once) to 4, and what would make it better. */
export interface Estimate { score: number, advice: string[] }

/** @param words what the account is known by, such as the parts of its e-mail; they count as common words */
export type Estimator = (password: string, words: string[]) => Promise<Estimate>

/** Estimates that may wait for their turn; each takes some ten milliseconds, a hostile one six times that. */
const longestQueue = 64

/**
 * The estimator zxcvbn in a thread of its own. Its word lists take 60 MB and 0.4 s to load and a long password takes it hundredths of a second, so it neither
 * runs on the event loop nor stays in memory: the thread starts with the first sign-up and ends after a minute without one.
 * The estimate throws Problem `overloaded` when too many wait.
 */
export function createEstimator (): Estimator {
  const extension = import.meta.url.slice(-3)
  const pool = new Piscina({ filename: new URL(`./strength-worker${extension}`, import.meta.url).href, minThreads: 0, maxThreads: 1, idleTimeout: 60_000, maxQueue: longestQueue })
  return async (password, words) => {
    if (pool.queueSize >= longestQueue) throw new Problem('overloaded')
    return await pool.run({ password, words }) as Estimate
  }
}
