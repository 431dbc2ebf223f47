import { Problem } from '../errors.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'
import type { RefreshTokens } from '../tokens/refresh.js'

/**
 * Gives new tokens for a refresh token. Nothing is used up: the same token can come any number of times, at once or after a lost reply, as long as it lives.
 * @throws Problem `invalid_refresh_token` for a bad token, and when the account is gone, disabled or of a newer epoch; `unavailable`
 */
export type Refresh = (refreshToken: string) => Promise<{ account: Account } & IssuedTokens>

export interface RefreshDeps { accounts: Accounts, refreshTokens: RefreshTokens, issueTokens: IssueTokens }

export function createRefresh ({ accounts, refreshTokens, issueTokens }: RefreshDeps): Refresh {
  return async (refreshToken) => {
    const { sub, epoch, auth_time: authTime } = refreshTokens.verify(refreshToken)
    const account = await accounts.findById(sub)
    if (account === null || account.disabledAt !== null || account.tokenEpoch !== epoch) throw new Problem('invalid_refresh_token')
    return { account, ...issueTokens(account, authTime) }
  }
}
