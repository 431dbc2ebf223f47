import type { Admitted } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import { hasEnded } from '../../store/ended-logins.js'

/**
 * Issues new tokens for a refresh token. The token stays valid until it expires, also in
 * parallel and after a lost reply.
 *
 * @param jkt the thumbprint of the key that the request proved (RFC 9449 §5); undefined for no
 *   proof
 * @throws Problem
 *
 *   - `invalid_dpop_proof` if the token is bound to another key
 *   - `invalid_refresh_token` if the token is not valid or of an earlier epoch, its login was
 *       logged out, or the account is gone or may not have tokens now
 *   - `rate_limited`, `unavailable`
 */
export type Refresh = (refreshToken: string, jkt: string | undefined) => Promise<Admitted>

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
  const ended = rememberEnded()
  return async (refreshToken, jkt) => {
    const { sub, epoch, auth_time: authTime, sid, cnf } = refreshTokens.verify(refreshToken)
    const refuse = () => new Problem('invalid_refresh_token', { account: sub })
    // Before the count: a thief without the key must not use up the refreshes of the owner.
    if (cnf !== undefined && cnf.jkt !== jkt)
      throw new Problem('invalid_dpop_proof', {
        account: sub,
        detail:
          'The refresh token is bound to a key. Send a DPoP proof that is signed by this key.',
      })
    // Nor may the holder of a revoked token: a known logout is refused, and epochs count apart.
    if (ended.has(sid)) throw refuse()
    await countRefresh(sub, epoch)
    const account = await accounts.findById(sub)
    if (account !== null && sid !== undefined && hasEnded(account.endedLogins, sid)) {
      ended.add(sid)
      throw refuse()
    }
    // An unverified address does not revoke the token: it works once the address is verified.
    if (account === null || account.tokenEpoch !== epoch || obstacleOf(account) !== null)
      throw refuse()
    return admit(account, { authTime, sid })
  }
}

// A logout is never undone. The first characters of the random ids bound the memory: there are
// 4,096 of them.
function rememberEnded() {
  const recent = new Map<string, string>()
  return {
    has: (sid: string | undefined) => sid !== undefined && recent.get(sid.slice(0, 2)) === sid,
    add: (sid: string) => recent.set(sid.slice(0, 2), sid),
  }
}
