import { requireEmail } from '../email-address.js'
import { Problem } from '../errors.js'
import type { Passwords } from '../passwords/passwords.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'

/**
 * Logs an account in.
 * @throws Problem `invalid_credentials` for a wrong password and for an unknown address alike, after the same work; `account_disabled` and `email_unverified`, only after a right password; `overloaded`, before anything is looked up; `unavailable`
 * @param signal aborts when the client has hung up
 */
export type Login = (credentials: { email: string, password: string }, signal: AbortSignal) => Promise<{ account: Account } & IssuedTokens>

/** What {@link createLogin} needs. `requireVerified` says that an account needs a verified address. */
export interface LoginDeps { accounts: Accounts, passwords: Passwords, issueTokens: IssueTokens, requireVerified: boolean }

export function createLogin ({ accounts, passwords, issueTokens, requireVerified }: LoginDeps): Login {
  return async ({ email, password }, signal) => await passwords.inTurn(signal, async ({ matches, upgrade }) => {
    const account = await accounts.findByEmail(requireEmail(email))
    const isRight = await matches(password, account?.passwordHash ?? null)
    if (account === null || !isRight) throw new Problem('invalid_credentials')
    if (account.disabledAt !== null) throw new Problem('account_disabled')
    if (requireVerified && account.emailVerifiedAt === null) throw new Problem('email_unverified')
    // The only moment at which the password is known: a hash that has become too cheap is replaced (ASVS 11.4.2).
    const stronger = await upgrade(password, account.passwordHash)
    if (stronger !== null) await accounts.replaceHash(account.id, account.passwordHash, stronger)
    return { account, ...issueTokens(account) }
  })
}
