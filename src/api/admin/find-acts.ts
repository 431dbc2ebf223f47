import type { AdminCaller } from '../../account/acts.js'
import type { Services } from '../../services.js'
import type { AuditEntry } from '../../store/audit-log.js'
import { createAdmins } from './admins.js'
import { type Page, type PageQuery, readPage } from './pages.js'

/** The query of the list of acts, as text. */
export interface ActQuery extends PageQuery {
  user?: string
  actor?: string
  event?: string
}

/**
 * Returns a page of acts, newest first.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the cursor was not issued for this query
 *   - the errors of `Admins.requireCaller`
 */
export type FindActs = (caller: AdminCaller, query: ActQuery) => Promise<Page<AuditEntry>>

/** Creates {@link FindActs}. */
export function createFindActs({
  accounts,
  auditLog,
  cursors,
  machineClients,
}: Pick<Services, 'accounts' | 'auditLog' | 'cursors' | 'machineClients'>): FindActs {
  const { requireCaller } = createAdmins({ accounts, machineClients })
  return async (caller, query) => {
    await requireCaller(caller)
    const { user, actor, event } = query
    const filter = {
      ...(user !== undefined && { subject: user.toLowerCase() }),
      ...(actor !== undefined && { actor: actor.toLowerCase() }),
      ...(event !== undefined && { event }),
    }
    return await readPage<AuditEntry, [string]>(cursors, query, {
      query: ['audit', filter],
      read: async (after, count) => await auditLog.list(filter, after?.[0] ?? null, count),
      positionOf: ({ id }) => [id],
    })
  }
}
