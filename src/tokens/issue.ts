import type { Clock } from '../clock.js'
import type { AccessTokens, IssuedAccessToken } from './access-token.js'
import type { IssuedRefreshToken, RefreshTokens } from './refresh-token.js'

/** What logging in gives: an access token, and the refresh token that gives the next one. */
export type IssuedTokens = IssuedAccessToken & IssuedRefreshToken

/**
 * Signs a pair of tokens for an account as it is now.
 *
 * @param authTime when the password was given, in seconds since 1970; now, where it has just
 *   been given
 */
export type IssueTokens = (
  account: { id: string; tokenEpoch: number },
  authTime?: number,
) => IssuedTokens

/** What {@link createIssueTokens} needs. */
export interface IssueTokensDeps {
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  clock: Clock
}

/** Both tokens of a pair say the same time of login. */
export function createIssueTokens({
  accessTokens,
  refreshTokens,
  clock,
}: IssueTokensDeps): IssueTokens {
  return (account, authTime = Math.floor(clock() / 1000)) => ({
    ...accessTokens.issue(account.id, authTime),
    ...refreshTokens.issue(account, authTime),
  })
}
