import { Problem } from './errors.js'
import type { Account, Accounts } from './store/accounts.js'

/**
 * The account that a verified token names.
 * @throws Problem `invalid_token` when the account is gone, `forbidden` when it is disabled, `unavailable`
 */
export async function requireCaller (accounts: Accounts, id: string): Promise<Account> {
  const account = await accounts.findById(id)
  if (account === null) throw new Problem('invalid_token', { detail: 'The account of this token is gone.' })
  if (account.disabledAt !== null) throw new Problem('forbidden')
  return account
}
