import type { ListedAccount } from './listed-account.js'

/** A place in the order of changes. */
export interface ChangePosition {
  changedAt: Date
  accountId: string
}

/** A changed account: its state now. */
export interface Change extends ListedAccount {
  changedAt: Date
  deletedAt: Date | null
}

/**
 * How far ahead the end of a lease and the time of a retry can be, in milliseconds. A later
 * time does not count: it is from a clock that was wrong.
 */
export const farthestAhead = { lease: 600_000, retry: 7_200_000 }

/** How far a receiver of webhooks has got. */
export interface WebhookCursor extends ChangePosition {
  /** A hash of the URL. */
  key: string
  /** The time up to which the receiver had every change when it last had all. */
  completeUntil: Date
  /** The process that sends, until {@link WebhookCursor.leasedUntil}. */
  owner: string | null
  leasedUntil: Date | null
  /** How often the next change was refused in a row. */
  failures: number
  /** A status or an error code; null after a delivery. */
  lastFailure: string | null
  /** When the next change is tried again. */
  retryAt: Date | null
  /** Since when the receiver takes no more changes. */
  pausedAt: Date | null
  /** When a server last had the receiver in its settings, to the day. */
  seenAt: Date
}

/** The changes of a cursor that the process with the lease may save. */
export type CursorChanges = Partial<
  Omit<WebhookCursor, 'key' | 'owner' | 'seenAt'> & { owner: null }
>

/**
 * The receivers of webhooks and the changes for them. The accounts are their own outbox: the
 * order is `(changed_at, id)`. Every write is one statement. Every method throws Problem
 * `unavailable` if the database cannot be reached.
 */
export interface WebhookCursors {
  find: (key: string) => Promise<WebhookCursor | null>
  /** Returns the cursor of a receiver. A new one starts at `now`. */
  open: (key: string, now: Date) => Promise<WebhookCursor>
  /**
   * Returns the next changed accounts after a position, in order.
   *
   * @param until the last time of a change
   */
  changesAfter: (position: ChangePosition, until: Date, count: number) => Promise<Change[]>
  /**
   * Gives the right to send to one process, by compare-and-swap. Returns null if another has
   * it, or the receiver is paused or waits for its next retry.
   */
  lease: (key: string, owner: string, now: Date, until: Date) => Promise<WebhookCursor | null>
  /**
   * Saves changes of a cursor. Returns false if the process no longer has the lease, or the
   * position is another one by now.
   *
   * @param held as {@link WebhookCursors.lease} returned it, with the position that was last
   *   saved
   */
  save: (
    held: Pick<WebhookCursor, 'key' | 'owner' | 'changedAt' | 'accountId'>,
    changes: CursorChanges,
  ) => Promise<boolean>
  /** Ends the pause of a receiver and the wait for its retry. Returns whether there was one. */
  resume: (key: string) => Promise<boolean>
  /**
   * Moves a cursor forward without a delivery, and ends its pause. Returns false if it has
   * another position by now.
   */
  passOver: (from: WebhookCursor, to: ChangePosition) => Promise<boolean>
  /** Notes that receivers are in use, and forgets those that were not seen since a time. */
  keep: (keys: string[], now: Date, forgetBefore: Date) => Promise<void>
  /** Returns the time of the database in milliseconds. */
  databaseTime: () => Promise<number>
}
