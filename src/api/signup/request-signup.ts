import { requireEmail } from '../../account/email-address.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Accounts } from '../../store/accounts.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'
import type { SignupTokens } from '../../tokens/signup-token.js'
import type { Caller, NewPerson } from './signup.js'

/**
 * Mails a link that makes the account; nothing is stored before it is used. An address that has
 * an account is told so instead. Says nothing of that, and does the same work for every
 * address.
 *
 * @throws Problem `invalid_request` for what is no e-mail address, `weak_password`,
 *   `overloaded`, `unavailable`
 */
export type RequestSignup = (person: NewPerson, from: Caller) => Promise<void>

/** What {@link createRequestSignup} needs. `ping` asks the database for a sign of life. */
export interface RequestSignupDeps {
  accounts: Accounts
  ping: () => Promise<void>
  passwords: Passwords
  signupTokens: SignupTokens
  resetTokens: OneTimeTokens
  messages: Messages
  mailer: Mailer
}

/** Hashes before it asks whether there is an account, which it does in the background. */
export function createRequestSignup({
  accounts,
  ping,
  passwords,
  signupTokens,
  resetTokens,
  messages,
  mailer,
}: RequestSignupDeps): RequestSignup {
  return async ({ email, password, name = null }, from) => {
    const address = requireEmail(email)
    await ping()
    const passwordHash = await passwords.accept(password, { email: address, name }, from)
    const token = await signupTokens.issue({ email: address, name, passwordHash })
    // The account is looked up after the answer: no time tells whether there is one (ASVS 6.3.8).
    mailer.send({ kind: 'sign-up', to: address }, async () => {
      const account = await accounts.findByEmail(address)
      if (account === null) return messages.finishSignup(address, token)
      return account.disabledAt === null
        ? messages.signedUpAlready(account.email, resetTokens.issue(account))
        : null
    })
  }
}
