import type { Clock } from '../clock.js'
import type { AccessTokens, IssuedAccessToken } from './access-token.js'
import type { IssuedRefreshToken, RefreshTokens } from './refresh-token.js'

/** The tokens of a login: an access token, and a refresh token to get the next pair. */
export type IssuedTokens = IssuedAccessToken & IssuedRefreshToken

/**
 * Signs a pair of tokens for an account as it is now.
 *
 * @param authTime the time of the login, in seconds since 1970; now by default
 */
export type IssueTokens = (
  account: { id: string; tokenEpoch: number },
  authTime?: number,
) => IssuedTokens

/** The dependencies of {@link createIssueTokens}. */
export interface IssueTokensDeps {
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  clock: Clock
}

/** Creates {@link IssueTokens}. Both tokens of a pair have the same time of login. */
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
