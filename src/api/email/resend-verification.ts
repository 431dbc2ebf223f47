import { requireEmail } from '../../account/email-address.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Accounts } from '../../store/accounts.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'

/**
 * Mails the link to verify an address once more, if the address has an account that needs it.
 * Says nothing of that, and does the same work for every address.
 *
 * @throws Problem `invalid_request` for what is no e-mail address, `unavailable`
 */
export type ResendVerification = (email: string) => Promise<void>

/** What {@link createResendVerification} needs. `ping` asks the database for a sign of life. */
export interface ResendVerificationDeps {
  accounts: Accounts
  ping: () => Promise<void>
  verifyTokens: OneTimeTokens
  messages: Messages
  mailer: Mailer
}

/** Refuses before anything is known of the address; its account is looked up in the background. */
export function createResendVerification({
  accounts,
  ping,
  verifyTokens,
  messages,
  mailer,
}: ResendVerificationDeps): ResendVerification {
  return async (email) => {
    const address = requireEmail(email)
    await ping()
    // The account is looked up after the answer: no time tells whether there is one (ASVS 6.3.8).
    mailer.send({ kind: 'e-mail verification', to: address }, async () => {
      const account = await accounts.findByEmail(address)
      const isWaiting =
        account !== null && account.disabledAt === null && account.emailVerifiedAt === null
      return isWaiting ? messages.verifyEmail(account.email, verifyTokens.issue(account)) : null
    })
  }
}
