import { requireCaller } from '../../account/caller.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import { addEndedLogin } from '../../store/ended-logins.js'

/**
 * Revokes every refresh token of one login. Access tokens expire by themselves. Returns whether
 * it did: not if the login has ended before, or the account is gone or disabled.
 *
 * @param login a login that a verified token names; `authTime` in seconds since 1970
 * @throws Problem `unavailable`
 */
export type Logout = (login: {
  accountId: string
  sid: string
  authTime: number
  /** Of a refresh token. An access token does not name its epoch. */
  epoch?: number
}) => Promise<boolean>

/** Each try fails only if another logout of the account succeeded meanwhile. */
const maxTries = 100

/**
 * Adds the login to the list of ended logins, until its last refresh token has expired. If the
 * list is full, revokes every refresh token of the account.
 */
export function createLogout({
  accounts,
  config,
  clock,
}: Pick<Services, 'accounts' | 'config' | 'clock'>): Logout {
  return async ({ accountId, sid, authTime, epoch }) => {
    for (let tries = 0; tries < maxTries; tries++) {
      const now = clock()
      const end = Math.min(
        authTime + config.REFRESH_MAX_SECONDS,
        Math.floor(now / 1000) + config.REFRESH_TOKEN_SECONDS,
      )
      if (end * 1000 <= now) return false
      const account = await accounts.findById(accountId)
      if (account === null || account.disabledAt !== null) return false
      // A token of an earlier login must not fill the list, which would end the later ones.
      if (epoch !== undefined && epoch !== account.tokenEpoch) return false
      const added = addEndedLogin(account.endedLogins, { sid, end, authTime }, now)
      if (added === null) return false
      if (await accounts.endLogin(account, added.column)) return true
    }
    throw new Problem('unavailable', {
      detail: 'Other requests changed the account at the same time. Try again.',
    })
  }
}

/**
 * Revokes every refresh token of an account. Access tokens expire by themselves.
 *
 * @throws Problem
 *
 *   - `invalid_token` if the account is gone
 *   - `forbidden` if it is disabled
 *   - `unavailable`
 */
export type LogoutEverywhere = (accountId: string) => Promise<void>

/** One statement. The account is read only if no row changed, to say why. */
export function createLogoutEverywhere({ accounts }: Pick<Services, 'accounts'>): LogoutEverywhere {
  return async (accountId) => {
    if (!(await accounts.endRefreshTokens(accountId))) await requireCaller(accounts, accountId)
  }
}
