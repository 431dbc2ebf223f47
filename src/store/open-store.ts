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
  /** Which database this is, without password, for people and logs. */
  name: string
  /** Asks the database for a sign of life. Throws Problem `unavailable`. */
  ping: () => Promise<void>
  close: () => Promise<void>
  /** What the pool of connections is doing; null where there is none. */
  connections: (() => ConnectionLoad) | null
}

/** Written migrations are missing in the database and may not be applied at start. */
export class PendingMigrationsError extends Error {
  override readonly name = 'PendingMigrationsError'
}

/**
 * Opens the database of a DATABASE_URL.
 *
 * @param autoMigrate apply pending migrations; otherwise they are an error
 * @throws PendingMigrationsError, or Problem `unavailable` when the database cannot be used
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
    await available(prepareFile(url, client))
    const pending = await available(findPending(database, client))
    if (pending.length > 0 && !autoMigrate) {
      throw new PendingMigrationsError(
        `The database lacks migrations: ${pending.join(', ')}. Apply with "npm run migrate", or set AUTO_MIGRATE=on.`,
      )
    }
    if (pending.length > 0) await available(applyMigrations(database))
  } catch (error) {
    await client.$disconnect()
    // Whatever is wrong with a database that cannot even be opened, the server cannot be of use: a
    // file that is no database, a URL with an unknown parameter.
    throw error instanceof PendingMigrationsError || error instanceof Problem
      ? error
      : new Problem('unavailable', { cause: error })
  }
  return {
    accounts: createAccounts(client, clock),
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
