import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { packageRoot } from '../package-root.js'
import type { Database, Provider } from './database.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { type Migration, withSchemaEngine } from './schema-engine.js'

/** The folder of the Prisma schema and the migrations. */
export const prismaFolder = new URL('prisma/', packageRoot)

/** Reads the migrations of a SQL dialect, oldest first. */
export async function readMigrations(
  provider: Provider,
  root = prismaFolder,
): Promise<Migration[]> {
  const folder = new URL(`migrations/${provider}/`, root)
  const names = (await readdir(folder)).sort()
  return await Promise.all(
    names.map(async (name) => ({
      name,
      sql: await readFile(new URL(`${name}/migration.sql`, folder), 'utf8'),
    })),
  )
}

/** Returns the names of the migrations that a database lacks, oldest first. */
export async function findPending(database: Database, client: PrismaClient): Promise<string[]> {
  const written = (await readMigrations(database.provider)).map(({ name }) => name)
  const known =
    database.provider === 'sqlite'
      ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '_prisma_migrations'"
      : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '_prisma_migrations'"
  if ((await client.$queryRawUnsafe<unknown[]>(known)).length === 0) return written
  const rows = await client.$queryRawUnsafe<Array<{ migration_name: string }>>(
    'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  )
  const applied = new Set(rows.map((row) => row.migration_name))
  return written.filter((name) => !applied.has(name))
}

/** The max time that a process waits for another that is migrating, in milliseconds. */
const migrationTimeout = 30_000

/**
 * Applies the pending migrations and returns their names. Several processes may do this at
 * once: one applies, the others wait for it.
 *
 * @throws the error of the database, if it persists for {@link migrationTimeout}
 */
export async function applyMigrations(database: Database): Promise<string[]> {
  const migrations = await readMigrations(database.provider)
  const end = Date.now() + migrationTimeout
  for (;;) {
    try {
      return await withMigrationLock(
        database,
        async () =>
          await withSchemaEngine(database, async (engine) => await engine.apply(migrations)),
      )
    } catch (error) {
      // PostgreSQL's advisory lock (P1002) and SQLite's file lock mean that another process is
      // migrating. It may apply everything that is pending.
      if (Date.now() > end || !/advisory lock|locked|busy|SocketTimeout/i.test(String(error)))
        throw error
      await wait(100)
    }
  }
}

// Prisma locks PostgreSQL while it migrates, but not SQLite. There two processes would apply the
// same migration, and one would record a permanent failure. A SQLite transaction in a file beside
// it is the lock: it ends with the process, even after a crash.
async function withMigrationLock<T>({ lockAdapter }: Database, work: () => Promise<T>): Promise<T> {
  if (lockAdapter === null) return await work()
  const lock = await (await lockAdapter()).connect()
  const execute = async (sql: string) => {
    await lock.executeRaw({ sql, args: [], argTypes: [] })
  }
  try {
    await execute('BEGIN EXCLUSIVE')
    // Closing alone frees the lock only at the next garbage collection.
    try {
      return await work()
    } finally {
      await execute('ROLLBACK')
    }
  } finally {
    await lock.dispose()
  }
}
