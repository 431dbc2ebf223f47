/** An act of an admin or an operator, as it is stored. It has no personal data. */
export interface AuditEntry {
  /** UUIDv7: later entries have greater ids. */
  id: string
  at: Date
  /** The id of the account that acted, or `cli` for an operator at the command line. */
  actor: string
  /** A name of `auditEvents`. */
  event: string
  /** The id of the account that was acted on. */
  subject: string | null
  /** The id of the request, as in the log; null at the command line. */
  requestId: string | null
  /** JSON: the names of changed members, and the roles. Never an address, a name or a claim. */
  details: string
}

/** Which entries a page lists. Absent members do not restrict it. */
export type AuditFilter = Partial<Record<'actor' | 'event' | 'subject', string>>

/** The stored acts. Every method throws Problem `unavailable` if the database is away. */
export interface AuditLog {
  add: (entry: Omit<AuditEntry, 'id' | 'at'>) => Promise<void>
  /**
   * Returns a page, newest first.
   *
   * @param beforeId the last id of the previous page; null for the first page
   */
  list: (filter: AuditFilter, beforeId: string | null, count: number) => Promise<AuditEntry[]>
}
