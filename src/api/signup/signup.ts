import { requireEmail } from '../../account/email-address.js'
import { Problem } from '../../errors.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../../tokens/issue.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'

/**
 * Where a sign-up comes from: the network of the caller, and a signal that aborts when the
 * client has hung up.
 */
export interface Caller {
  network: string
  signal: AbortSignal
}

/** Who signs up, in their own words. */
export interface NewPerson {
  email: string
  password: string
  name?: string | null
}

/**
 * Makes an account and logs it in. A mail asks to verify the address.
 *
 * @throws Problem `invalid_request` for what is no e-mail address, `weak_password`,
 *   `email_taken`, `overloaded`, `unavailable`
 */
export type Signup = (
  person: NewPerson,
  from: Caller,
) => Promise<{ account: Account } & IssuedTokens>

/** What {@link createSignup} needs. */
export interface SignupDeps {
  accounts: Accounts
  passwords: Passwords
  issueTokens: IssueTokens
  verifyTokens: OneTimeTokens
  messages: Messages
  mailer: Mailer
}

/** Hashes before it asks whether the address is free, so that a taken one costs the same. */
export function createSignup({
  accounts,
  passwords,
  issueTokens,
  verifyTokens,
  messages,
  mailer,
}: SignupDeps): Signup {
  return async ({ email, password, name = null }, from) => {
    const address = requireEmail(email)
    const passwordHash = await passwords.accept(password, { email: address, name }, from)
    // Whether the address is free is decided by the insert alone: of many sign-ups at once, one
    // wins.
    const account = await accounts.create({ email: address, passwordHash, name })
    if (account === null) throw new Problem('email_taken')
    mailer.send({ kind: 'e-mail verification', to: account.email, account: account.id }, async () =>
      messages.verifyEmail(account.email, verifyTokens.issue(account)),
    )
    return { account, ...issueTokens(account) }
  }
}
