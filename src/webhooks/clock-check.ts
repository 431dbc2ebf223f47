import type { Clock } from '../clock.js'
import type { WebhookCursors } from '../store/webhook-cursors.js'

/** The difference of two clocks that is worth a warning, in milliseconds. */
const maxDifference = 1000

/**
 * Creates a function that compares the clock of this process with that of the database, and
 * warns of a difference of more than 1 s: once, until the clocks agree again. Changes are
 * stamped by the clocks of the processes. If one is 8 s late, its changes can be missed.
 */
export function createClockCheck({
  cursors,
  clock,
  logger,
}: {
  cursors: Pick<WebhookCursors, 'databaseTime'>
  clock: Clock
  logger: { warn: (details: object, text: string) => void }
}): () => Promise<void> {
  let isWarned = false
  return async () => {
    const before = clock()
    const time = await cursors.databaseTime()
    // The database read its clock at some time in between.
    const difference = Math.max(before - time, time - clock(), 0)
    const isWrong = difference > maxDifference
    if (isWrong && !isWarned)
      logger.warn(
        { event: 'webhook.clock', difference_ms: Math.round(difference) },
        'the clock of this machine and that of the database differ: webhooks can be late, from 8 s on changes can be missed',
      )
    isWarned = isWrong
  }
}
