import type { Attempts } from '../../limits/attempts.js'
import { type Confirmation, requireCaller, requirePassword } from '../../account/caller.js'
import type { Clock } from '../../clock.js'
import { requireEmail } from '../../account/email-address.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Accounts } from '../../store/accounts.js'
import type { AddressTokens } from '../../tokens/one-time-token.js'
import { nextHistory } from './next-history.js'

/**
 * Mails a link to a new address. The change is confirmed at `POST /email/change/confirm`. Does
 * not tell whether the new address has an account.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `invalid_request` if the new address is not an e-mail address
 *   - `wrong_password` if the password does not match
 *   - `rate_limited` for too many attempts, and if too many former addresses can still take the
 *       account back
 *   - `invalid_token` if the account is gone, `forbidden` if it is disabled
 *   - `overloaded`, `unavailable`
 */
export type ChangeEmail = (
  accountId: string,
  newEmail: string,
  confirmation: Confirmation,
  signal: AbortSignal,
) => Promise<void>

/** What {@link createChangeEmail} needs. */
export interface ChangeEmailDeps {
  accounts: Accounts
  passwords: Passwords
  attempts: Attempts
  changeTokens: AddressTokens
  messages: Messages
  mailer: Mailer
  clock: Clock
}

/**
 * A stolen access token is not enough for it, and nothing is changed before the new mailbox is
 * proven.
 */
export function createChangeEmail({
  accounts,
  passwords,
  attempts,
  changeTokens,
  messages,
  mailer,
  clock,
}: ChangeEmailDeps): ChangeEmail {
  return async (accountId, newEmail, confirmation, signal) =>
    await passwords.inTurn({ network: confirmation.place.network, signal }, async ({ matches }) => {
      const address = requireEmail(newEmail, '/new_email')
      const account = await requireCaller(accounts, accountId)
      await requirePassword({ matches, attempts }, account, confirmation)
      // Told now rather than by a link that cannot be used.
      nextHistory(account, address, clock())
      mailer.send({ kind: 'e-mail change', to: address, account: account.id }, async () => {
        const isTaken = (await accounts.findByEmail(address)) !== null
        return isTaken
          ? messages.emailTaken(address)
          : messages.changeEmail(address, changeTokens.issue(account, address))
      })
    })
}
