import { Problem } from '../../errors.js'
import type { Client } from '../../limits/attempts.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

/**
 * Sets a new password with a token from a mail, and revokes every refresh token of the account.
 * Does not log in. The address counts as verified from now on, and gets a notice. Failed login
 * attempts are forgotten. Returns the account as it was.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid or was used, or the account is gone or
 *       disabled
 *   - `weak_password` if the policy refuses the password; the token stays valid until the tenth
 *       failure
 *   - `rate_limited`, `overloaded`, `unavailable`
 */
export type ResetPassword = (
  token: string,
  newPassword: string,
  client: Client,
  signal: AbortSignal,
) => Promise<Account>

/** Replaces only the password that the token is bound to, so a link works once. */
export function createResetPassword({
  accounts,
  passwords,
  attempts,
  linkLimits,
  resetTokens,
  mails,
}: Pick<
  Services,
  'accounts' | 'passwords' | 'attempts' | 'linkLimits' | 'resetTokens' | 'mails'
>): ResetPassword {
  return async (token, newPassword, client, signal) => {
    const { network } = client
    const claims = resetTokens.verify(token)
    // Count first: a refused caller must not occupy a slot in the hash queue, nor cause an account
    // look-up.
    await linkLimits.countUse(claims.jti)
    return await linkLimits.tryLink(claims.jti, async () => {
      passwords.requireRoom(network)
      const account = resetTokens.requireState(claims, await accounts.findById(claims.sub))
      if (account.disabledAt !== null) throw new Problem('invalid_one_time_token')
      const passwordHash = await passwords.hashNew(
        newPassword,
        account,
        { network, signal },
        '/new_password',
      )
      // Of concurrent uses, the first changes the state that the token is bound to.
      if (!(await accounts.resetPassword(account, passwordHash)))
        throw new Problem('invalid_one_time_token')
      await attempts.forgive(account.email, client)
      mails.passwordReset(account)
      return account
    })
  }
}
