import { pathToFileURL } from 'node:url'
import { parseDatabaseUrl } from './database.js'

/** The state of a copy. */
export interface DatabaseCopy {
  /** The number of accounts; null if there is no accounts table. */
  accounts: number | null
  /** The first line of `PRAGMA integrity_check`; `ok` if it found no fault. */
  report: string
}

/** A copy could not be written. The message has the reason of the database. */
export class CopyError extends Error {
  override readonly name = 'CopyError'
}

/**
 * Copies a SQLite database into an empty file, and checks the copy. The copy has the state of
 * one moment, also while a server writes. It does not hold up the server.
 *
 * @param url a file: URL
 * @param path of an empty file
 * @throws CopyError if the database cannot be read, or the copy cannot be written
 */
export async function copyDatabase(url: string, path: string): Promise<DatabaseCopy> {
  try {
    await execute(url, 'VACUUM INTO ?', path)
    const copy = pathToFileURL(path).href
    const [[report] = []] = await execute(copy, 'PRAGMA integrity_check')
    // The columns, because another program may have a table of the same name.
    const columns = (await execute(copy, "SELECT name FROM pragma_table_info('users')")).flat()
    if (!['password_hash', 'token_epoch'].every((name) => columns.includes(name)))
      return { accounts: null, report: String(report) }
    // An earlier version has no such column.
    const where = columns.includes('deleted_at') ? ' WHERE deleted_at IS NULL' : ''
    const [[accounts] = []] = await execute(copy, `SELECT count(*) FROM users${where}`)
    return { accounts: Number(accounts), report: String(report) }
  } catch (error) {
    throw new CopyError((error as Error).message, { cause: error })
  }
}

/** Runs a statement on a connection of its own. Returns the rows. */
async function execute(url: string, sql: string, ...args: string[]): Promise<unknown[][]> {
  const connection = await (await parseDatabaseUrl(url).migrationAdapter()).connect()
  try {
    const argTypes = args.map(() => ({ scalarType: 'string', arity: 'scalar' }) as const)
    return (await connection.queryRaw({ sql, args, argTypes })).rows
  } finally {
    await connection.dispose()
  }
}
