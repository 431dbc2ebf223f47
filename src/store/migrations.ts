import { setTimeout as wait } from 'node:timers/promises'
import type { Database, Provider } from './database.js'
import { DatabaseError } from './database-error.js'
import { driverCause } from './faults.js'
import { failedMigration } from './pending.js'
import { readMigrations } from './written-migrations.js'
import { withSchemaEngine } from './schema-engine.js'

/** The wait for another process that is migrating, in milliseconds. */
const maxWait = 30_000

/**
 * Applies the pending migrations and returns their names. Several processes may do this at
 * once: one applies, the others wait for it.
 *
 * @param onWait called once with a line for the operator if there is a wait
 * @param milliseconds the max wait
 * @throws DatabaseError if the wait was too long; otherwise the error of the database
 */
export async function applyMigrations(
  database: Database,
  onWait?: (line: string) => unknown,
  milliseconds = maxWait,
): Promise<string[]> {
  const migrations = await readMigrations(database.provider)
  const end = Date.now() + milliseconds
  for (let waits = false; ; waits = true) {
    const isLast = Date.now() >= end
    try {
      return await withMigrationLock(
        database,
        async () =>
          await withSchemaEngine(database, async (engine) => await engine.apply(migrations)),
      )
    } catch (error) {
      const failed = failedNames(error)
      if (failed.length > 0) throw failedMigration(database, failed)
      // The process that holds the lock may apply everything that is pending.
      if (!isLocked(error, database.provider)) throw error
      if (isLast) throw new DatabaseError(explainLock(database, milliseconds))
      if (!waits)
        onWait?.(
          `waiting for another process that migrates or uses ${database.name} (at most ${milliseconds / 1000} s)`,
        )
    }
    await wait(100)
  }
}

// The engine refuses if migrations have failed (P3009), and names them.
function failedNames(error: unknown): string[] {
  const { code, message } = error as { code?: unknown; message: string }
  return code === 'P3009'
    ? [...message.matchAll(/^The `(\w+)` migration/gm)].map(([, name = '']) => name)
    : []
}

// PostgreSQL's lock_timeout, or the lock of a SQLite file.
function isLocked(error: unknown, provider: Provider): boolean {
  const { originalCode, kind } = driverCause(error) ?? {}
  return provider === 'postgresql' ? originalCode === '55P03' : kind === 'SocketTimeout'
}

function explainLock({ name, provider }: Database, milliseconds: number): string {
  const who =
    provider === 'postgresql'
      ? "SELECT DISTINCT pid, application_name, state, query FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE datname = current_database() AND locktype IN ('advisory', 'relation') AND pid <> pg_backend_pid() lists the processes with locks, and SELECT pg_terminate_backend(<pid>) ends one."
      : 'End the other process that migrates or writes to the file.'
  return `${name} was not migrated: another process has held its lock for ${milliseconds / 1000} s. ${who} Then run "npm run migrate" again.`
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
