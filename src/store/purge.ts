import type { Clock } from '../clock.js'
import type { Accounts } from './accounts.js'

const [hour, day, minimumSeconds] = [3_600_000, 86_400_000, 30 * 86_400]

/** The dependencies of {@link startPurge}. */
export interface PurgeDeps {
  clock: Clock
  /** The max time from a login to its last refresh. */
  refreshMaxSeconds: number
  logger: {
    info: (text: string) => void
    error: (details: object, text: string) => void
  }
  /** How often it looks at the clock. The timer does not keep the process running. */
  everyMilliseconds?: number
}

/**
 * Removes the rows of accounts that were deleted more than 30 days ago, and longer ago than a
 * refresh token can be valid: until then a row blocks its id, so that no import revives it.
 * Does so now and once a day, beside the requests. Several processes may do it at once. A
 * failed purge is tried again after an hour; failures in a row are logged once.
 *
 * @returns a function that stops it
 */
export function startPurge(
  accounts: Pick<Accounts, 'purge'>,
  { clock, refreshMaxSeconds, logger, everyMilliseconds = hour }: PurgeDeps,
): () => Promise<void> {
  const keepMilliseconds = Math.max(minimumSeconds, refreshMaxSeconds) * 1000
  let next = -Infinity
  let [isRunning, isFailing, isStopped] = [false, false, false]
  const purge = async () => {
    const now = clock()
    if (isRunning || now < next) return
    isRunning = true
    try {
      const rows = await accounts.purge(new Date(now - keepMilliseconds))
      next = now + day
      isFailing = false
      if (rows > 0) logger.info(`removed ${rows} rows of accounts that were deleted long ago`)
    } catch (err) {
      // Closing the database ends a statement that runs.
      if (!isFailing && !isStopped)
        logger.error({ err }, 'rows of deleted accounts not removed; tried again every hour')
      isFailing = true
    } finally {
      isRunning = false
    }
  }
  void purge()
  const timer = setInterval(() => {
    void purge()
  }, everyMilliseconds).unref()
  return async () => {
    isStopped = true
    clearInterval(timer)
  }
}
