import { adminRole, hasRole } from '../roles.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { Terminal } from './terminal.js'

/**
 * Warns if the service has no enabled admin after a change.
 *
 * @param account as it was before
 */
export async function warnOfNoAdmin(
  { roles, disabledAt }: Account,
  accounts: Pick<Accounts, 'listPage'>,
  { stderr }: Pick<Terminal, 'stderr'>,
): Promise<void> {
  if (disabledAt !== null || !hasRole(roles, adminRole)) return
  const admins = await accounts.listPage({ role: adminRole, disabled: false }, null, 1)
  if (admins.length === 0)
    stderr.write(
      'Warning: no enabled account is an admin now. To appoint one, run: npm run users -- grant <email or id> admin\n',
    )
}
