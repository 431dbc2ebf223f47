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
  /** The names of the migrations, oldest first. */
  readonly pending: string[]

  /** @param database its name, for people */
  constructor(database: string, pending: string[]) {
    super(
      `${database} lacks migrations: ${pending.join(', ')}. Run "npm run migrate", or set AUTO_MIGRATE=on.`,
    )
    this.pending = pending
  }
}
