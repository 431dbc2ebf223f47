import { requireCaller } from '../../account/caller.js'
import type { Services } from '../../services.js'

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
