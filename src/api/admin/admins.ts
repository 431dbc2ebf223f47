import type { AdminCaller } from '../../account/acts.js'
import { requireAdmin, requireClient } from '../../account/caller.js'
import { isMachine } from '../../account/machine-acts.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Reads the accounts that an admin route needs. */
export interface Admins {
  /**
   * Requires that the caller is an admin or an enabled machine client now. The guard has
   * checked the scope.
   *
   * @throws Problem
   *
   *   - `invalid_token` if the account or client is gone, or the token of the client has ended
   *   - `forbidden` if it is disabled
   *   - `missing_role` if it is no longer an admin
   *   - `unavailable`
   */
  requireCaller: (caller: AdminCaller) => Promise<void>
  /**
   * Returns the account of a path.
   *
   * @param id in any case; text that is not a UUID names no account
   * @throws Problem `not_found`, `unavailable`
   */
  find: (id: string) => Promise<Account>
}

/** Creates {@link Admins}. Every admin route reads the row of its caller first. */
export function createAdmins({
  accounts,
  machineClients,
}: Pick<Services, 'accounts' | 'machineClients'>): Admins {
  return {
    requireCaller: async (caller) => {
      if (isMachine(caller)) await requireClient(machineClients, caller)
      else await requireAdmin(accounts, caller.id)
    },
    find: async (id) => {
      const account = uuid.test(id) ? await accounts.findById(id.toLowerCase()) : null
      if (account === null)
        throw new Problem('not_found', { detail: 'There is no account with this id.' })
      return account
    },
  }
}
