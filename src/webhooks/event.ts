import { toAdminUser } from '../account/admin-user.js'
import type { Change } from '../store/webhook-cursors.js'
import type { Message } from './deliver.js'

/**
 * How long a change must have been in the database before it is sent, in milliseconds. Every
 * write ends within 2 s, so no earlier change can still appear. The rest is for the clocks of
 * the processes.
 */
export const settleMilliseconds = 10_000

/**
 * Returns the message about the present state of an account. The same state has the same id.
 *
 * @param completeUntil the time up to which the receiver had every change when it last had all
 */
export function toMessage(change: Change, completeUntil: Date): Message {
  const { id, changedAt } = change
  const type = typeOf(change, completeUntil)
  return {
    id: `msg_${id.replaceAll('-', '')}_${changedAt.getTime()}`,
    body: JSON.stringify({
      type,
      timestamp: changedAt.toISOString(),
      data: type === 'user.deleted' ? { id } : toAdminUser(change),
    }),
  }
}

function typeOf({ createdAt, changedAt, deletedAt }: Change, completeUntil: Date): string {
  if (deletedAt !== null) return 'user.deleted'
  // A change right after the creation hides the account until it has settled: it was not sent.
  const isNew =
    createdAt > completeUntil || changedAt.getTime() - createdAt.getTime() < settleMilliseconds
  return isNew ? 'user.created' : 'user.updated'
}
