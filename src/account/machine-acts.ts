import { Problem } from '../errors.js'
import { adminRole, hasRole } from '../roles.js'
import type { AdminCaller } from './acts.js'

/** Returns whether a machine client acts. */
export function isMachine({ clientVersion }: AdminCaller): boolean {
  return clientVersion !== undefined
}

/**
 * Refuses an act of a machine client that concerns an account with the role `admin`, or would
 * give the role. Otherwise a leaked secret would be worth an admin.
 *
 * @param columns `roles` of the account as it is and as it would be; undefined for no change
 * @throws Problem `insufficient_scope`
 */
export function refuseMachineOverAdmins(
  actor: AdminCaller,
  ...columns: Array<string | undefined>
): void {
  if (!isMachine(actor)) return
  if (columns.some((column) => column !== undefined && hasRole(column, adminRole)))
    throw new Problem('insufficient_scope', {
      detail:
        'A machine client cannot give the role "admin", nor change, log out or delete an account that has it.',
    })
}
