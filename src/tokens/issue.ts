import type { Clock } from '../clock.js'
import type { AccessTokens, IssuedAccessToken, TokenAccount } from './access-token.js'
import { type FormerLogin, toLogin } from './login-claims.js'
import type { IssuedRefreshToken, RefreshTokens } from './refresh-token.js'

/** The tokens of a login: an access token, and a refresh token to get the next pair. */
export type IssuedTokens = IssuedAccessToken & IssuedRefreshToken

/**
 * Signs a pair of tokens for an account as it is now.
 *
 * @param former the login that the tokens come from; undefined for a login that happens now
 * @param jkt the thumbprint of the key to bind both tokens to (RFC 9449 §6.1); undefined for no
 *   key
 */
export type IssueTokens = (
  account: TokenAccount & { tokenEpoch: number },
  former: FormerLogin | undefined,
  jkt: string | undefined,
) => IssuedTokens

/** The dependencies of {@link createIssueTokens}. */
export interface IssueTokensDeps {
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  clock: Clock
}

/** Creates {@link IssueTokens}. Both tokens of a pair come from the same login. */
export function createIssueTokens({
  accessTokens,
  refreshTokens,
  clock,
}: IssueTokensDeps): IssueTokens {
  return (account, former, jkt) => {
    const login = toLogin(former, clock)
    return {
      ...accessTokens.issue(account, login, jkt),
      ...refreshTokens.issue(account, login, jkt),
    }
  }
}
