import type { Attempts, Place } from '../../limits/attempts.js'
import { Problem } from '../../errors.js'
import type { LinkLimits } from '../../limits/link-limits.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'

/**
 * Sets a new password by a token from a mail. It ends every refresh token of the account and
 * does not log in; the address counts as verified from then on, and is told by mail. Attempts
 * at the old one are forgotten. Answers the account as it was.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem `invalid_one_time_token` for a bad token, one that was used, and when the
 *   account is gone or disabled; `weak_password`, after which the token is still good, ten
 *   times; `rate_limited`; `overloaded`; `unavailable`
 */
export type ResetPassword = (
  token: string,
  newPassword: string,
  place: Place,
  signal: AbortSignal,
) => Promise<Account>

/** What {@link createResetPassword} needs. */
export interface ResetPasswordDeps {
  accounts: Accounts
  passwords: Passwords
  attempts: Attempts
  linkLimits: LinkLimits
  resetTokens: OneTimeTokens
  messages: Messages
  mailer: Mailer
}

/**
 * Puts the new password only in place of the one that the token is bound to, so that a link
 * works once.
 */
export function createResetPassword({
  accounts,
  passwords,
  attempts,
  linkLimits,
  resetTokens,
  messages,
  mailer,
}: ResetPasswordDeps): ResetPassword {
  return async (token, newPassword, place, signal) => {
    const claims = resetTokens.verify(token)
    // Count first: a refused caller must not occupy a slot in the hash queue, nor have the account
    // read.
    await linkLimits.countUse(claims.jti)
    return await linkLimits.tryLink(claims.jti, async () => {
      passwords.requireRoom(place.network)
      const account = resetTokens.requireState(claims, await accounts.findById(claims.sub))
      if (account.disabledAt !== null) throw new Problem('invalid_one_time_token')
      const passwordHash = await passwords.accept(
        newPassword,
        account,
        { network: place.network, signal },
        '/new_password',
      )
      // Of many at once, the first changes the state that the token is bound to.
      if (!(await accounts.resetPassword(account, passwordHash)))
        throw new Problem('invalid_one_time_token')
      await attempts.forgive(account.email, place)
      mailer.send(
        { kind: 'password reset done', to: account.email, account: account.id },
        async () => messages.passwordReset(account.email),
      )
      return account
    })
  }
}
