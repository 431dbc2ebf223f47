import { randomUUID } from 'node:crypto'
import { oneTimeSeconds } from '../tokens/lifetimes.js'

/**
 * A former, verified address of an account. The reader of its mailbox can take the account back
 * for {@link historySeconds}.
 */
export interface FormerEmail {
  /** A random id; the undo link names it. */
  id: string
  /** In canonical form. */
  email: string
  /** When the account lost the address, in milliseconds since 1970. */
  at: number
}

/**
 * The time that a former address can take the account back, in seconds. Undo links live as
 * long.
 */
export const historySeconds = oneTimeSeconds.undo

/** The max former addresses of an account. */
export const maxFormerEmails = 10

/** The history of an account without former addresses. */
export const emptyHistory = '[]'

/**
 * Returns the former addresses that can still take the account back, oldest first.
 *
 * @param column `email_history` of the account
 * @param now in milliseconds since 1970
 */
export function readHistory(column: string, now: number): FormerEmail[] {
  return (JSON.parse(column) as FormerEmail[]).filter(({ at }) => now < at + historySeconds * 1000)
}

/**
 * Adds an address that the account loses now. Returns the new entry and the new column, or null
 * if the history has {@link maxFormerEmails}.
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
 * Removes an entry and every later one. A thief can only add to the end, so the owner of an
 * older address has priority. Returns the entry and the new column, or null if the entry is not
 * in the history.
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
 * Returns the history of an account that moves back to a former address. Like an undo, it
 * removes that entry and every later one. Otherwise the undo link of a later address would
 * outlive the link of the restored one. Returns null if the address is not a former address.
 */
export function returnTo(column: string, email: string, now: number): string | null {
  const history = readHistory(column, now)
  const index = history.findIndex((entry) => entry.email === email)
  return index === -1 ? null : JSON.stringify(history.slice(0, index))
}

/** Returns the milliseconds until a full history has room again: until its oldest entry expires. */
export function untilRoom(column: string, now: number): number {
  const [oldest] = readHistory(column, now) as [FormerEmail]
  return oldest.at + historySeconds * 1000 - now
}

/**
 * Returns the distinct addresses that can claim the account: the present one and the former
 * ones.
 *
 * @param now in milliseconds since 1970
 */
export function addressesOf(
  { email, emailHistory }: { email: string; emailHistory: string },
  now: number,
): string[] {
  return [...new Set([email, ...readHistory(emailHistory, now).map((entry) => entry.email)])]
}
