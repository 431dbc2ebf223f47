import type { AuditLog } from '../store/audit-log.js'

/** The acts of admins, machine clients and operators: their stable names, and their meanings. */
export const adminEvents = {
  'admin.user_created': 'an admin created an account with a password',
  'admin.user_invited': 'an admin created an account, and mailed an invitation',
  'admin.user_changed':
    'an admin changed the name, address, claims or state of an account; a new address and disabling revoke every refresh token',
  'admin.roles_changed': 'an admin changed the roles of an account',
  'admin.user_logged_out': 'an admin logged an account out; revokes every refresh token',
  'admin.user_deleted': 'an admin deleted an account',
} as const

/** The acts of operators on machine clients, in the table `audit` alone. */
export const clientEvents = {
  'client.created': 'an operator created a machine client',
  'client.rotated':
    'an operator replaced the secret of a machine client; with `--now` it ends the tokens',
  'client.scopes_changed': 'an operator changed the scopes of a machine client; it ends the tokens',
  'client.disabled': 'an operator disabled a machine client; it ends the tokens',
  'client.enabled': 'an operator enabled a machine client',
} as const

/** The name of an act. */
export type AdminEvent = keyof typeof adminEvents | keyof typeof clientEvents

/** The actor of every command of an operator, in the table `audit`. */
export const cliActor = 'cli'

/** The caller of the admin API, by its verified token. */
export interface AdminCaller {
  /** The id of the account of an admin, or of a machine client. */
  id: string
  /** The version of the machine client that its token names; absent for people. */
  clientVersion?: number
}

/** The admin, machine client or operator that acts. */
export interface Actor extends AdminCaller {
  /** The same, or {@link cliActor}. */
  id: string
  /** The id of the request; null at the command line. */
  requestId: string | null
  /** Whether an act may leave the service without an enabled admin. */
  mayRemoveLastAdmin: boolean
  /** Writes an act to the log of the server. */
  log: (event: AdminEvent, subject: string) => void
}

/** The facts of an act that are no personal data. */
export interface ActDetails {
  /** The names of the changed members. */
  changed?: string[]
  /** The roles that the account has now. */
  roles?: string[]
  /** The scopes that the machine client has now. */
  scopes?: string[]
  /** Whether the account is disabled now, if that changed. */
  disabled?: boolean
}

/** Records the acts of admins and operators. */
export interface Acts {
  /**
   * Records an act that has happened: counts it, writes it to the log, then to the table
   * `audit`. The log has it even if the database fails just then.
   *
   * @param subject the id of the account or machine client that was acted on
   * @throws Problem `unavailable` if the table cannot be written; the act stays
   */
  record: (actor: Actor, event: AdminEvent, subject: string, details?: ActDetails) => Promise<void>
  /** Returns how often each act was recorded by this process. */
  counts: () => ReadonlyMap<AdminEvent, number>
}

/** Creates {@link Acts}. */
export function createActs(auditLog: Pick<AuditLog, 'add'>): Acts {
  const counts = new Map<AdminEvent, number>()
  return {
    record: async (actor, event, subject, details = {}) => {
      counts.set(event, (counts.get(event) ?? 0) + 1)
      actor.log(event, subject)
      await auditLog.add({
        actor: actor.id,
        event,
        subject,
        requestId: actor.requestId,
        details: JSON.stringify(details),
      })
    },
    counts: () => counts,
  }
}
