import { requireEmail } from '../email-address.js'
import { Problem } from '../errors.js'
import type { Passwords } from '../passwords/passwords.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'

/**
 * Makes an account and logs it in.
 * @throws Problem `invalid_request` for what is no e-mail address, `weak_password`, `email_taken`, `unavailable`
 */
export type Signup = (person: { email: string, password: string, name?: string | null }) => Promise<{ account: Account } & IssuedTokens>

export interface SignupDeps { accounts: Accounts, passwords: Passwords, issueTokens: IssueTokens }

export function createSignup ({ accounts, passwords, issueTokens }: SignupDeps): Signup {
  return async ({ email, password, name = null }) => {
    const address = requireEmail(email)
    const passwordHash = await passwords.accept(password, { email: address, name })
    // Whether the address is free is decided by the insert alone: of many sign-ups at once, one wins.
    const account = await accounts.create({ email: address, passwordHash, name })
    if (account === null) throw new Problem('email_taken')
    return { account, ...issueTokens(account) }
  }
}
