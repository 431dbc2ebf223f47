import { requireEmail } from '../../account/email-address.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Accounts } from '../../store/accounts.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'

/**
 * Mails a link to set a new password, if the address has an account that is not disabled. Says
 * nothing of that, and does the same work for every address.
 *
 * @throws Problem `invalid_request` for what is no e-mail address, `unavailable`
 */
export type ForgotPassword = (email: string) => Promise<void>

/** What {@link createForgotPassword} needs. `ping` asks the database for a sign of life. */
export interface ForgotPasswordDeps {
  accounts: Accounts
  ping: () => Promise<void>
  resetTokens: OneTimeTokens
  messages: Messages
  mailer: Mailer
}

/** Refuses before anything is known of the address; its account is looked up in the background. */
export function createForgotPassword({
  accounts,
  ping,
  resetTokens,
  messages,
  mailer,
}: ForgotPasswordDeps): ForgotPassword {
  return async (email) => {
    const address = requireEmail(email)
    await ping()
    // The account is looked up after the answer: no time tells whether there is one (ASVS 6.3.8).
    mailer.send({ kind: 'password reset', to: address }, async () => {
      const account = await accounts.findByEmail(address)
      return account === null || account.disabledAt !== null
        ? null
        : messages.resetPassword(account.email, resetTokens.issue(account))
    })
  }
}
