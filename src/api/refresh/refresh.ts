import { Problem } from '../../errors.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../../tokens/issue.js'
import type { RefreshTokens } from '../../tokens/refresh-token.js'

/**
 * Gives new tokens for a refresh token. Nothing is used up: the same token can come any number
 * of times, at once or after a lost reply, as long as it lives.
 *
 * @throws Problem `invalid_refresh_token` for a bad token, and when the account is gone,
 *   disabled, of a newer epoch, or has to verify its address first; `rate_limited`,
 *   `unavailable`
 */
export type Refresh = (refreshToken: string) => Promise<{ account: Account } & IssuedTokens>

/**
 * What {@link createRefresh} needs. `count` counts a refresh of an account in an epoch, and
 * throws Problem `rate_limited`; `requireVerified` says that an account needs a verified
 * address.
 */
export interface RefreshDeps {
  count: (whose: string) => Promise<void>
  accounts: Accounts
  refreshTokens: RefreshTokens
  issueTokens: IssueTokens
  requireVerified: boolean
}

/** Reads the account once and writes nothing. */
export function createRefresh({
  count,
  accounts,
  refreshTokens,
  issueTokens,
  requireVerified,
}: RefreshDeps): Refresh {
  return async (refreshToken) => {
    const { sub, epoch, auth_time: authTime } = refreshTokens.verify(refreshToken)
    // By epoch: whoever holds a token that was ended must not use up the refreshes of the owner.
    await count(`${sub} ${epoch}`)
    const account = await accounts.findById(sub)
    if (account === null || account.disabledAt !== null || account.tokenEpoch !== epoch)
      throw new Problem('invalid_refresh_token', { account: sub })
    // The token stays good: once the address is verified, it works.
    if (requireVerified && account.emailVerifiedAt === null)
      throw new Problem('invalid_refresh_token', { account: sub })
    return { account, ...issueTokens(account, authTime) }
  }
}
