import { requireCaller } from '../caller.js'
import { Problem } from '../errors.js'
import type { Passwords } from '../passwords/passwords.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'

/**
 * Changes the password of an account, which ends every refresh token of it, and gives the caller new tokens.
 * @throws Problem `wrong_password`, `weak_password`; `invalid_token` when the account is gone, `forbidden` when it is disabled, `unavailable`
 */
export type ChangePassword = (accountId: string, passwords: { current: string, next: string }) => Promise<{ account: Account } & IssuedTokens>

export interface ChangePasswordDeps { accounts: Accounts, passwords: Passwords, issueTokens: IssueTokens }

export function createChangePassword ({ accounts, passwords, issueTokens }: ChangePasswordDeps): ChangePassword {
  return async (accountId, { current, next }) => {
    const account = await requireCaller(accounts, accountId)
    if (!await passwords.matches(current, account.passwordHash)) throw new Problem('wrong_password')
    const passwordHash = await passwords.accept(next, account, '/new_password')
    const changed = await accounts.changePassword(account, passwordHash)
    if (changed !== null) return { account: changed, ...issueTokens(changed) }
    // While the passwords were hashed, the account was deleted, disabled, or its password changed: what was given as the present one is no longer.
    await requireCaller(accounts, accountId)
    throw new Problem('wrong_password')
  }
}
