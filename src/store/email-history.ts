import { randomUUID } from 'node:crypto'
import { oneTimeSeconds } from '../tokens/lifetimes.js'

/**
 * A former, verified address of an account. The reader of its mailbox can take the account back
 * for {@link historySeconds}.
 */
export interface FormerEmail {
  /** Random; the undo link names it. */
  id: string
  /** In canonical form. */
  email: string
  /** When the account lost the address, in milliseconds since 1970. */
  at: number
}

/** How long a former address can take the account back, in seconds. The undo link lives as long. */
export const historySeconds = oneTimeSeconds.undo

/** The most former addresses of an account. */
export const maxFormerEmails = 10

/** The column of an account without former addresses. */
export const emptyHistory = '[]'

/**
 * The former addresses that can still take the account back, oldest first.
 *
 * @param column `email_history` of the account
 * @param now in milliseconds since 1970
 */
export function readHistory(column: string, now: number): FormerEmail[] {
  return (JSON.parse(column) as FormerEmail[]).filter(({ at }) => now < at + historySeconds * 1000)
}

/**
 * Adds an address that the account loses now. Returns the new entry and the new column; null if
 * {@link maxFormerEmails} are there.
 */
export function pushFormerEmail(
  column: string,
  email: string,
  now: number,
): { entry: FormerEmail; column: string } | null {
  const history = readHistory(column, now)
  if (history.length >= maxFormerEmails) return null
  const entry = { id: randomUUID(), email, at: now }
  return { entry, column: JSON.stringify([...history, entry]) }
}

/**
 * Removes an entry and every later one: the owner of an older address outranks the owner of a
 * newer one, because a thief can only add to the end. Returns the entry and the new column;
 * null if the entry is not there any more.
 */
export function popFormerEmail(
  column: string,
  id: string,
  now: number,
): { entry: FormerEmail; column: string } | null {
  const history = readHistory(column, now)
  const index = history.findIndex((entry) => entry.id === id)
  const entry = history[index]
  return entry === undefined ? null : { entry, column: JSON.stringify(history.slice(0, index)) }
}

/**
 * The history of an account that returns to one of its former addresses: without that entry and
 * every later one, as after an undo. Otherwise the link of the address in between would outlive
 * the one of the address that the account returns to. Returns null if the address is not a
 * former one.
 */
export function returnTo(column: string, email: string, now: number): string | null {
  const history = readHistory(column, now)
  const index = history.findIndex((entry) => entry.email === email)
  return index === -1 ? null : JSON.stringify(history.slice(0, index))
}

/** Milliseconds until a full history has room again: until its oldest entry ends. */
export function untilRoom(column: string, now: number): number {
  const [oldest] = readHistory(column, now) as [FormerEmail]
  return oldest.at + historySeconds * 1000 - now
}

/**
 * Every address that can say "this is my account": the present one and the former ones, each
 * once.
 *
 * @param now in milliseconds since 1970
 */
export function addressesOf(
  { email, emailHistory }: { email: string; emailHistory: string },
  now: number,
): string[] {
  return [...new Set([email, ...readHistory(emailHistory, now).map((entry) => entry.email)])]
}
