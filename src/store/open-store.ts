import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { createAccounts } from './account-table.js'
import type { Accounts } from './accounts.js'
import { connect, makeFolder, parseDatabaseUrl, prepareFile } from './database.js'
import { available } from './faults.js'
import { applyMigrations, findPending } from './migrations.js'
import { type ConnectionLoad, watchPool } from './pool.js'

/** An open database. */
export interface Store {
  accounts: Accounts
  /** The name of the database without its password, for people and logs. */
  name: string
  /**
   * Checks that the database responds.
   *
   * @throws Problem `unavailable` if it does not
   */
  ping: () => Promise<void>
  close: () => Promise<void>
  /** Returns the load of the connection pool; null for a database without a pool. */
  connections: (() => ConnectionLoad) | null
}

/** The database lacks migrations that may not be applied at start. */
export class PendingMigrationsError extends Error {
  override readonly name = 'PendingMigrationsError'
  /** The names of the migrations, oldest first. */
  readonly pending: string[]

  constructor(pending: string[]) {
    super(
      `The database lacks migrations: ${pending.join(', ')}. Run "npm run migrate", or set AUTO_MIGRATE=on.`,
    )
    this.pending = pending
  }
}

/**
 * Opens the database of a DATABASE_URL.
 *
 * @param autoMigrate apply pending migrations; false refuses to open
 * @throws PendingMigrationsError if migrations are pending and `autoMigrate` is false
 * @throws Problem `unavailable` if the database cannot be used
 */
export async function openStore(
  url: string,
  { autoMigrate, clock }: { autoMigrate: boolean; clock: Clock },
): Promise<Store> {
  const database = parseDatabaseUrl(url)
  await makeFolder(url)
  const adapter = await database.adapter()
  const connections = watchPool(adapter)
  const client = await connect(database, adapter)
  try {
    const pending = await available(findPending(database, client))
    // Refuse first: the file may belong to another program.
    if (pending.length > 0 && !autoMigrate) throw new PendingMigrationsError(pending)
    await available(prepareFile(url, client))
    if (pending.length > 0) await available(applyMigrations(database))
  } catch (error) {
    await client.$disconnect()
    // The server is useless without a database, so every reason counts: a file that is not a
    // database, a URL with an unknown parameter.
    throw error instanceof PendingMigrationsError || error instanceof Problem
      ? error
      : new Problem('unavailable', { cause: error })
  }
  return {
    accounts: createAccounts(client, database.provider, clock),
    name: database.name,
    ping: async () => {
      await available(client.$queryRawUnsafe('SELECT 1'))
    },
    close: async () => {
      await client.$disconnect()
    },
    connections,
  }
}
