import type { Attempts, Place } from '../../limits/attempts.js'
import { requireCaller, requirePassword, untilDone } from '../../account/caller.js'
import { Problem } from '../../errors.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../../tokens/issue.js'

/**
 * Changes the password of an account, which ends every refresh token of it, and gives the
 * caller new tokens. The owner is told by mail.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem `wrong_password`, `weak_password`, `rate_limited`; `email_unverified`, only
 *   after the right password; `invalid_token` when the account is gone, `forbidden` when it is
 *   disabled, `overloaded`, `unavailable`
 */
export type ChangePassword = (
  accountId: string,
  passwords: { current: string; next: string },
  place: Place,
  signal: AbortSignal,
) => Promise<{ account: Account } & IssuedTokens>

/**
 * What {@link createChangePassword} needs. `requireVerified` says that an account needs a
 * verified address. `countNotice` counts a notice to an address that was never verified, which
 * may be of somebody else, and throws Problem `rate_limited`.
 */
export interface ChangePasswordDeps {
  countNotice: (email: string) => Promise<void>
  accounts: Accounts
  passwords: Passwords
  attempts: Attempts
  issueTokens: IssueTokens
  messages: Messages
  mailer: Mailer
  requireVerified: boolean
}

/**
 * Puts the new password only in place of the one that was compared: of many changes at once,
 * one wins.
 */
export function createChangePassword({
  countNotice,
  accounts,
  passwords,
  attempts,
  issueTokens,
  messages,
  mailer,
  requireVerified,
}: ChangePasswordDeps): ChangePassword {
  return async (accountId, { current, next }, place, signal) =>
    await passwords.inTurn({ network: place.network, signal }, async ({ matches, accept }) => {
      // While the passwords are hashed, the account may be deleted, disabled, get another password,
      // or a stronger hash of the same. What it is then decides.
      const changed = await untilDone(async () => {
        const account = await requireCaller(accounts, accountId)
        await requirePassword({ matches, attempts }, account, { password: current, place })
        // The reply has tokens: without this, whoever is not to log in would go on for ever by
        // changing the password.
        if (requireVerified && account.emailVerifiedAt === null)
          throw new Problem('email_unverified')
        const passwordHash = await accept(next, account, '/new_password')
        if (account.emailVerifiedAt === null) await countNotice(account.email)
        return await accounts.changePassword(account, passwordHash)
      })
      mailer.send({ kind: 'password changed', to: changed.email, account: changed.id }, async () =>
        messages.passwordChanged(changed.email),
      )
      return { account: changed, ...issueTokens(changed) }
    })
}
