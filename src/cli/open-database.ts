import type { Config } from '../config.js'
import { findMissingFile, parseDatabaseUrl } from '../store/database.js'
import { PendingMigrationsError } from '../store/database-error.js'
import { openStore, type Store } from '../store/open-store.js'
import { CommandError } from './command-error.js'
import { missingFile } from './missing-file.js'

/**
 * Opens the database of the settings for a command. Creates and migrates no database: only the
 * server and `migrate` do. Errors of `openStore` pass through.
 *
 * @throws CommandError if the database does not exist or lacks migrations
 */
export async function openDatabase(config: Pick<Config, 'DATABASE_URL'>): Promise<Store> {
  requireDatabase(config)
  try {
    return await openStore(config.DATABASE_URL, { autoMigrate: false, clock: Date.now })
  } catch (error) {
    if (!(error instanceof PendingMigrationsError)) throw error
    throw new CommandError(
      `The database lacks migrations: ${error.pending.join(', ')}. DATABASE_URL is ${shown(config)}.\nIf this is the database of the server, run: npm run migrate`,
    )
  }
}

/**
 * Checks that the file of a SQLite database exists. Other databases are not checked.
 *
 * @throws CommandError if it does not exist
 */
export function requireDatabase(config: Pick<Config, 'DATABASE_URL'>): void {
  const path = findMissingFile(config.DATABASE_URL)
  if (path !== null)
    throw missingFile(
      'database',
      path,
      ['DATABASE_URL', shown(config)],
      'The first start of the server creates the database. To create it now, run: npm run migrate',
    )
}

function shown({ DATABASE_URL: url }: Pick<Config, 'DATABASE_URL'>): string {
  return parseDatabaseUrl(url).name.replace(/^SQLite /, '')
}
