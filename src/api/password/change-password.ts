import type { Admitted } from '../../account/admit.js'
import { requireCaller, requirePassword, retryOnce } from '../../account/caller.js'
import { Problem } from '../../errors.js'
import type { Client } from '../../limits/attempts.js'
import type { Services } from '../../services.js'

/**
 * Changes the password of an account, revokes every refresh token, and issues new tokens to the
 * caller. A mail notifies the owner.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `wrong_password` if the current password does not match
 *   - `weak_password` if the policy refuses the new password
 *   - `email_unverified`, only after the right password
 *   - `invalid_token` if the account is gone
 *   - `forbidden` if it is disabled
 *   - `rate_limited`, `overloaded`, `unavailable`
 */
export type ChangePassword = (
  accountId: string,
  passwords: { current: string; next: string },
  client: Client,
  signal: AbortSignal,
) => Promise<Admitted>

/** Replaces only the hash that was compared: of concurrent changes, one wins. */
export function createChangePassword({
  accounts,
  passwords,
  attempts,
  countNotice,
  obstacleOf,
  admit,
  mails,
}: Pick<
  Services,
  'accounts' | 'passwords' | 'attempts' | 'countNotice' | 'obstacleOf' | 'admit' | 'mails'
>): ChangePassword {
  return async (accountId, { current, next }, client, signal) => {
    const { network } = client
    return await passwords.withHashSlot({ network, signal }, async ({ matches, hashNew }) => {
      // While the passwords are hashed, the account may be deleted, disabled, or get another
      // password or a stronger hash. Its state after that decides.
      const changed = await retryOnce(async () => {
        const account = await requireCaller(accounts, accountId)
        await requirePassword({ matches, attempts }, account, { password: current, client })
        // Check before hashing: the reply has tokens, which this account may not get.
        const obstacle = obstacleOf(account)
        if (obstacle !== null) throw new Problem(obstacle, { account: account.id })
        const passwordHash = await hashNew(next, account, '/new_password')
        // The notice may go to a stranger if the address was never verified.
        if (account.emailVerifiedAt === null) await countNotice(account.email)
        return await accounts.changePassword(account, passwordHash)
      })
      mails.passwordChanged(changed)
      return admit(changed)
    })
  }
}
