/**
 * The database cannot be used as it is. The message gives the reason, and says what the
 * operator can do.
 */
export class DatabaseError extends Error {
  override readonly name: string = 'DatabaseError'
}

/** The database lacks migrations that may not be applied at start. */
export class PendingMigrationsError extends DatabaseError {
  override readonly name = 'PendingMigrationsError'
}
