import { requireCaller } from '../../account/caller.js'
import type { Accounts } from '../../store/accounts.js'

/**
 * Ends every refresh token of an account. Access tokens end by themselves.
 *
 * @throws Problem `invalid_token` when the account is gone, `forbidden` when it is disabled,
 *   `unavailable`
 */
export type LogoutEverywhere = (accountId: string) => Promise<void>

/** One statement; the account is read only where there was nothing to end, to say why. */
export function createLogoutEverywhere({ accounts }: { accounts: Accounts }): LogoutEverywhere {
  return async (accountId) => {
    if (!(await accounts.endRefreshTokens(accountId))) await requireCaller(accounts, accountId)
  }
}
