import { type Confirmation, requireCaller, requirePassword } from '../../account/caller.js'
import { requireEmail } from '../../account/email-address.js'
import type { Services } from '../../services.js'
import { nextHistory } from './next-history.js'

/**
 * Mails a link to a new address. `POST /email/change/confirm` then makes the change. Does not
 * reveal whether the new address has an account.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `invalid_request` if the new address is not an e-mail address
 *   - `wrong_password` if the password does not match
 *   - `rate_limited` for too many attempts, and if too many former addresses can still take the
 *       account back
 *   - `invalid_token` if the account is gone
 *   - `forbidden` if it is disabled
 *   - `overloaded`, `unavailable`
 */
export type ChangeEmail = (
  accountId: string,
  newEmail: string,
  confirmation: Confirmation,
  signal: AbortSignal,
) => Promise<void>

/**
 * Requires the password, so a stolen access token is not enough. Changes nothing before the new
 * mailbox is proven.
 */
export function createChangeEmail({
  accounts,
  passwords,
  attempts,
  mails,
  clock,
}: Pick<Services, 'accounts' | 'passwords' | 'attempts' | 'mails' | 'clock'>): ChangeEmail {
  return async (accountId, newEmail, confirmation, signal) => {
    const { network } = confirmation.client
    await passwords.withHashSlot({ network, signal }, async ({ matches }) => {
      const address = requireEmail(newEmail, '/new_email')
      const account = await requireCaller(accounts, accountId)
      await requirePassword({ matches, attempts }, account, confirmation)
      // Fail now: otherwise the link in the mail could not be used.
      nextHistory(account, address, clock())
      mails.changeEmail(account, address)
    })
  }
}
