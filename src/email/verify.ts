import { Problem } from '../errors.js'
import type { Accounts } from '../store/accounts.js'
import type { OneTimeTokens } from '../tokens/one-time.js'

/**
 * Marks the address of an account as verified, by a token from a mail to it. Doing it again is fine.
 * @throws Problem `invalid_one_time_token` for a bad token, and when the account is gone or has another address; `unavailable`
 */
export type VerifyEmail = (token: string) => Promise<void>

/** What {@link createVerifyEmail} needs. */
export interface VerifyEmailDeps { accounts: Accounts, verifyTokens: OneTimeTokens }

export function createVerifyEmail ({ accounts, verifyTokens }: VerifyEmailDeps): VerifyEmail {
  return async (token) => {
    const claims = verifyTokens.verify(token)
    const account = await accounts.findById(claims.sub)
    verifyTokens.requireState(claims, account)
    if (account === null || (account.emailVerifiedAt === null && !await accounts.verifyEmail(account))) throw new Problem('invalid_one_time_token')
  }
}
