import type { Admitted } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'

/**
 * Issues new tokens for a refresh token. The token stays valid until it expires, also in
 * parallel and after a lost reply.
 *
 * @throws Problem
 *
 *   - `invalid_refresh_token` if the token is not valid or of an earlier epoch, or the account is
 *       gone or may not have tokens now
 *   - `rate_limited`, `unavailable`
 */
export type Refresh = (refreshToken: string) => Promise<Admitted>

/** Reads the account once and writes nothing. */
export function createRefresh({
  accounts,
  refreshTokens,
  countRefresh,
  obstacleOf,
  admit,
}: Pick<
  Services,
  'accounts' | 'refreshTokens' | 'countRefresh' | 'obstacleOf' | 'admit'
>): Refresh {
  return async (refreshToken) => {
    const { sub, epoch, auth_time: authTime, sid } = refreshTokens.verify(refreshToken)
    // By epoch: the holder of a revoked token must not use up the refreshes of the owner.
    await countRefresh(sub, epoch)
    const account = await accounts.findById(sub)
    // An unverified address does not revoke the token: it works once the address is verified.
    if (account === null || account.tokenEpoch !== epoch || obstacleOf(account) !== null)
      throw new Problem('invalid_refresh_token', { account: sub })
    return admit(account, { authTime, sid })
  }
}
