import { Problem } from '../errors.js'
import type { Account } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'

/** The reasons why an account may not have tokens now, as problem codes. */
export type Obstacle = 'account_disabled' | 'email_unverified'

/** An account and its new tokens. */
export type Issued = { account: Account } & IssuedTokens

/**
 * Decides whether an account may have tokens, and issues them. Every feature that returns
 * tokens uses it.
 */
export interface Admission {
  /** Returns why an account may not have tokens now, or null if it may. */
  obstacleOf: (account: Account) => Obstacle | null
  /**
   * Issues tokens to an account as it is now.
   *
   * @param authTime the time of the login, in seconds since 1970; now by default
   * @throws Problem
   *
   *   - `account_disabled` if an operator disabled the account
   *   - `email_unverified` if the address must be verified first
   */
  admit: (account: Account, authTime?: number) => Issued
  /**
   * Issues the first tokens of an account that was just created. Its address may be unverified:
   * the person can use the account until the access token expires.
   */
  admitNew: (account: Account) => Issued
}

/**
 * Creates {@link Admission}.
 *
 * @param requireVerified whether an account needs a verified address
 */
export function createAdmission({
  requireVerified,
  issueTokens,
}: {
  requireVerified: boolean
  issueTokens: IssueTokens
}): Admission {
  const obstacleOf: Admission['obstacleOf'] = ({ disabledAt, emailVerifiedAt }) => {
    if (disabledAt !== null) return 'account_disabled'
    return requireVerified && emailVerifiedAt === null ? 'email_unverified' : null
  }
  return {
    obstacleOf,
    admit: (account, authTime) => {
      const obstacle = obstacleOf(account)
      if (obstacle !== null) throw new Problem(obstacle, { account: account.id })
      return { account, ...issueTokens(account, authTime) }
    },
    admitNew: (account) => ({ account, ...issueTokens(account) }),
  }
}
