import { Problem } from '../errors.js'
import { isReadableClaims } from '../custom-claims.js'
import { isReadableRoles } from '../roles.js'
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

/** The dependencies of {@link createAdmission}. */
export interface AdmissionParts {
  /** Whether an account needs a verified address. */
  requireVerified: boolean
  logger: { error: (line: object, message: string) => void }
}

/** Creates {@link Admission}. Damaged roles or claims do not keep an account out. */
export function createAdmission({ requireVerified, logger }: AdmissionParts): Admission {
  const obstacleOf: Admission['obstacleOf'] = ({ disabledAt, emailVerifiedAt }) => {
    if (disabledAt !== null) return 'account_disabled'
    return requireVerified && emailVerifiedAt === null ? 'email_unverified' : null
  }
  return {
    obstacleOf,
    admit: (account, login) => {
      const obstacle = obstacleOf(account)
      if (obstacle !== null) throw new Problem(obstacle, { account: account.id })
      if (!isReadableAccess(account))
        logger.error(
          { account: account.id },
          'the roles or claims of an account cannot be read: it has none until they are set again',
        )
      return { account, login }
    },
    admitNew: (account) => ({ account, login: undefined }),
  }
}

/** Returns whether the columns of roles and claims can be read. */
export function isReadableAccess({ roles, claims }: Pick<Account, 'roles' | 'claims'>): boolean {
  return isReadableRoles(roles) && isReadableClaims(claims)
}
