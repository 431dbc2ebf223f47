import { Problem } from '../errors.js'
import type { Account } from '../store/accounts.js'
import type { FormerLogin } from '../tokens/login-claims.js'

/** The reasons why an account may not have tokens now, as problem codes. */
export type Obstacle = 'account_disabled' | 'email_unverified'

/**
 * An account that may have tokens now. `sendTokens` issues them, in the way that the client
 * holds them.
 */
export interface Admitted {
  account: Account
  /** The login that the tokens come from; undefined for a login that happens now. */
  login: FormerLogin | undefined
}

/** Decides whether an account may have tokens. Every feature that ends in tokens uses it. */
export interface Admission {
  /** Returns why an account may not have tokens now, or null if it may. */
  obstacleOf: (account: Account) => Obstacle | null
  /**
   * Admits an account as it is now.
   *
   * @param login the earlier login that a refresh continues
   * @throws Problem
   *
   *   - `account_disabled` if an operator disabled the account
   *   - `email_unverified` if the address must be verified first
   */
  admit: (account: Account, login?: FormerLogin) => Admitted
  /**
   * Admits an account that was just created. Its address may be unverified: the person can use
   * the account until the access token expires.
   */
  admitNew: (account: Account) => Admitted
}

/**
 * Creates {@link Admission}.
 *
 * @param requireVerified whether an account needs a verified address
 */
export function createAdmission({ requireVerified }: { requireVerified: boolean }): Admission {
  const obstacleOf: Admission['obstacleOf'] = ({ disabledAt, emailVerifiedAt }) => {
    if (disabledAt !== null) return 'account_disabled'
    return requireVerified && emailVerifiedAt === null ? 'email_unverified' : null
  }
  return {
    obstacleOf,
    admit: (account, login) => {
      const obstacle = obstacleOf(account)
      if (obstacle !== null) throw new Problem(obstacle, { account: account.id })
      return { account, login }
    },
    admitNew: (account) => ({ account, login: undefined }),
  }
}
