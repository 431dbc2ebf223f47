import type { Attempts, Place } from '../../limits/attempts.js'
import { requireEmail } from '../../account/email-address.js'
import { Problem } from '../../errors.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../../tokens/issue.js'

/**
 * Logs an account in.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem `invalid_credentials` for a wrong password and for an unknown address alike,
 *   after the same work; `account_disabled` and `email_unverified`, only after a right
 *   password; `rate_limited`, also with the right one; `overloaded`, before anything is looked
 *   up; `unavailable`
 */
export type Login = (
  credentials: { email: string; password: string },
  place: Place,
  signal: AbortSignal,
) => Promise<{ account: Account } & IssuedTokens>

/**
 * What {@link createLogin} needs. `requireVerified` says that an account needs a verified
 * address.
 */
export interface LoginDeps {
  accounts: Accounts
  passwords: Passwords
  issueTokens: IssueTokens
  attempts: Attempts
  requireVerified: boolean
}

/** Every address is counted and hashed for, whether or not it has an account. */
export function createLogin({
  accounts,
  passwords,
  issueTokens,
  attempts,
  requireVerified,
}: LoginDeps): Login {
  return async ({ email, password }, place, signal) => {
    const address = requireEmail(email)
    let known: string | undefined
    // Counted before there is a place at the gate: who is refused takes none from others.
    const found = await attempts.guard(
      address,
      place,
      async () =>
        await passwords.inTurn({ network: place.network, signal }, async ({ matches, upgrade }) => {
          const account = await accounts.findByEmail(address)
          known = account?.id
          const isRight = await matches(password, account?.passwordHash ?? null)
          if (account === null || !isRight) return null
          // The only moment at which the password is known: a hash that has become too cheap is
          // replaced (ASVS 11.4.2).
          return {
            account,
            stronger:
              account.disabledAt === null ? await upgrade(password, account.passwordHash) : null,
          }
        }),
    )
    if (found === null) throw new Problem('invalid_credentials', { account: known })
    const { account, stronger } = found
    if (account.disabledAt !== null) throw new Problem('account_disabled', { account: known })
    if (requireVerified && account.emailVerifiedAt === null)
      throw new Problem('email_unverified', { account: known })
    if (stronger !== null) await accounts.replaceHash(account.id, account.passwordHash, stronger)
    return { account, ...issueTokens(account) }
  }
}
