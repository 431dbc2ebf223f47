import type { Clock } from '../clock.js'
import {
  type Change,
  type CursorChanges,
  farthestAhead,
  type WebhookCursor,
  type WebhookCursors,
} from '../store/webhook-cursors.js'
import type { Message, Outcome, OutcomeKind } from './deliver.js'
import { settleMilliseconds, toMessage } from './event.js'

/** How long a process may send without a sign of life, in milliseconds. */
const leaseMilliseconds = 30_000
/** The time that a delivery may need before the lease ends, in milliseconds. */
const leaseMargin = 10_000
/** The max rows that are in memory. */
const batchSize = 100
/** How old a row may get before it is read again, in milliseconds. */
const batchMilliseconds = 2000
/** How often a receiver that waits is looked at: the command line may have resumed it. */
const lookMilliseconds = 5000
const maxRetrySeconds = 3600

/** The dependencies of {@link createReceiver}. */
export interface ReceiverDeps {
  cursors: WebhookCursors
  clock: Clock
  /** The key in the database. */
  key: string
  /** The id of this process. */
  owner: string
  deliver: (message: Message) => Promise<Outcome>
  /** Called with every result but `stopped`, before it is saved. */
  onOutcome: (
    outcome: Outcome,
    failures: { before: number; failures: number; retryAt: Date | null },
  ) => void
  isStopped: () => boolean
}

/** The sender to one URL. */
export interface Receiver {
  /**
   * Sends the changes that are due, one after the other. Throws Problem `unavailable` if the
   * database cannot be reached.
   */
  turn: () => Promise<void>
  /** Returns when the oldest change that is not delivered happened; null if there is none. */
  oldest: () => Date | null
  isPaused: () => boolean
  /** Returns how often a delivery ended in each way. */
  outcomes: () => ReadonlyMap<OutcomeKind, number>
}

/** Creates {@link Receiver}. Several processes may have one for the same URL: one of them sends. */
export function createReceiver({
  cursors,
  clock,
  key,
  owner,
  deliver,
  onOutcome,
  isStopped,
}: ReceiverDeps): Receiver {
  const outcomes = new Map<OutcomeKind, number>()
  let known: WebhookCursor | null = null
  let oldest: Date | null = null
  let lookAt = -Infinity
  const inTime = (milliseconds: number) => new Date(clock() + milliseconds)
  // A clock that was set back must not stop the sender for as long.
  const isAhead = (time: number, max: number) => time > clock() && time <= clock() + max
  const next = async (from: WebhookCursor, count: number) =>
    await cursors.changesAfter(from, inTime(-settleMilliseconds), count)

  const oldestAfter = async (from: WebhookCursor) => (await next(from, 1))[0]?.changedAt ?? null

  /** Reads the cursor again. Returns it if this process may try to send. */
  async function look(): Promise<WebhookCursor | null> {
    const now = clock()
    const found = await cursors.open(key, new Date(now))
    known = found
    const retryAt = found.retryAt?.getTime() ?? Infinity
    const waits = found.pausedAt !== null || isAhead(retryAt, farthestAhead.retry)
    if (waits) lookAt = Math.min(now + lookMilliseconds, retryAt)
    return waits ? null : found
  }

  async function turn(): Promise<void> {
    if (isAhead(lookAt, lookMilliseconds)) return
    lookAt = -Infinity
    const isFresh: boolean = known === null || known.pausedAt !== null || known.retryAt !== null
    const cursor = isFresh ? await look() : known
    if (cursor === null) {
      oldest = await oldestAfter(known as unknown as WebhookCursor)
      return
    }
    oldest = await oldestAfter(cursor)
    if (oldest === null) return
    // Another process may have sent meanwhile.
    const latest = isFresh ? cursor : await look()
    if (latest === null || isOfAnother(latest) || !isSamePlace(latest, cursor)) return
    const held = await cursors.lease(key, owner, new Date(clock()), inTime(leaseMilliseconds))
    if (held !== null) await sendAll(held)
  }

  const isOfAnother = (cursor: WebhookCursor) =>
    cursor.owner !== owner && isAhead(cursor.leasedUntil?.getTime() ?? 0, farthestAhead.lease)

  async function sendAll(cursor: WebhookCursor): Promise<void> {
    let held: WebhookCursor | null = cursor
    let isLast = false
    while (held !== null && !isLast && !isStopped()) {
      const readAt = clock()
      const until = new Date(readAt - settleMilliseconds)
      const batch: Change[] = await cursors.changesAfter(held, until, batchSize)
      isLast = batch.length === 0
      const isComplete = batch.length < batchSize
      for (const [index, change] of batch.entries()) {
        if (isStopped() || clock() - readAt >= batchMilliseconds) break
        const completes = isComplete && index === batch.length - 1
        held = await send(held, change, completes ? until : null)
        if (held === null) break
      }
    }
    if (held === null) return
    known = null
    await cursors.save(held, { owner: null, leasedUntil: null })
  }

  /** Delivers one change. Returns the cursor after it; null if this process must stop sending. */
  async function send(
    held: WebhookCursor,
    change: Change,
    completeUntil: Date | null,
  ): Promise<WebhookCursor | null> {
    known = null
    oldest = change.changedAt
    // The process was suspended: another may send by now.
    if ((held.leasedUntil as Date) <= inTime(leaseMargin)) return null
    const outcome = await deliver(toMessage(change, held.completeUntil))
    if (outcome.kind === 'stopped') return held
    outcomes.set(outcome.kind, (outcomes.get(outcome.kind) ?? 0) + 1)
    const changes = changesAfter(held, change, outcome, completeUntil)
    onOutcome(outcome, { ...changes, before: held.failures })
    const isSaved = await cursors.save(held, changes)
    return isSaved && outcome.kind === 'delivered' ? { ...held, ...changes } : null
  }

  function changesAfter(
    held: WebhookCursor,
    { changedAt, id }: Change,
    { kind, detail }: Outcome,
    completeUntil: Date | null,
  ): CursorChanges & Pick<WebhookCursor, 'failures' | 'retryAt'> {
    if (kind === 'delivered')
      return {
        changedAt,
        accountId: id,
        ...(completeUntil !== null && { completeUntil }),
        leasedUntil: inTime(leaseMilliseconds),
        failures: 0,
        lastFailure: null,
        retryAt: null,
      }
    const failures = held.failures + 1
    const seconds = Math.min(2 ** held.failures, maxRetrySeconds)
    const isGone = kind === 'gone'
    return {
      owner: null,
      leasedUntil: null,
      failures,
      lastFailure: detail,
      retryAt: isGone ? null : inTime(seconds * 1000),
      pausedAt: isGone ? inTime(0) : null,
    }
  }

  return {
    turn,
    oldest: () => oldest,
    isPaused: () => known !== null && known.pausedAt !== null,
    outcomes: () => outcomes,
  }
}

function isSamePlace(a: WebhookCursor, b: WebhookCursor): boolean {
  return a.changedAt.getTime() === b.changedAt.getTime() && a.accountId === b.accountId
}
