import {
  type FormerEmail,
  maxFormerEmails,
  historySeconds,
  pushFormerEmail,
  returnTo,
  untilRoom,
} from '../../store/email-history.js'
import { Problem } from '../../errors.js'
import type { Account } from '../../store/accounts.js'

/**
 * Returns the history of an account whose address changes now. Adds the present address, except
 * in two cases. An unverified address may be a stranger's. A return to a former address must
 * not leave a thief a link: the owner may be moving a stolen account back by hand.
 *
 * @param next the other address
 * @param now in milliseconds since 1970
 * @returns the new column, and the new entry if there is one
 * @throws Problem `rate_limited` if the history is full. A newer entry never replaces an older
 *   one: a thief could push the owner out.
 */
export function nextHistory(
  { email, emailVerifiedAt, emailHistory }: Account,
  next: string,
  now: number,
): { column: string; entry: FormerEmail | null } {
  const returned = returnTo(emailHistory, next, now)
  if (returned !== null) return { column: returned, entry: null }
  if (emailVerifiedAt === null) return { column: emailHistory, entry: null }
  const pushed = pushFormerEmail(emailHistory, email, now)
  if (pushed !== null) return pushed
  throw new Problem('rate_limited', {
    waitSeconds: Math.max(1, Math.ceil(untilRoom(emailHistory, now) / 1000)),
    limit: { name: 'email-history', calls: maxFormerEmails, seconds: historySeconds },
    detail:
      'This account has changed its address too often. Try again after the number of seconds in the "Retry-After" header.',
  })
}
