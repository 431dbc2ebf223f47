import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { packageRoot } from '../package-root.js'
import type { Database, Provider } from './database.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { type Migration, withSchemaEngine } from './schema-engine.js'

/** The folder of the written schema and the migrations. */
export const prismaFolder = new URL('prisma/', packageRoot)

/** The written migrations of a database kind, oldest first. */
export async function readMigrations (provider: Provider, root = prismaFolder): Promise<Migration[]> {
  const folder = new URL(`migrations/${provider}/`, root)
  const names = (await readdir(folder)).sort()
  return await Promise.all(names.map(async (name) => ({ name, sql: await readFile(new URL(`${name}/migration.sql`, folder), 'utf8') })))
}

/** The names of the written migrations that a database lacks, oldest first. */
export async function findPending (database: Database, client: PrismaClient): Promise<string[]> {
  const written = (await readMigrations(database.provider)).map(({ name }) => name)
  const known = database.provider === 'sqlite'
    ? 'SELECT name FROM sqlite_master WHERE type = \'table\' AND name = \'_prisma_migrations\''
    : 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = \'_prisma_migrations\''
  if ((await client.$queryRawUnsafe<unknown[]>(known)).length === 0) return written
  const rows = await client.$queryRawUnsafe<Array<{ migration_name: string }>>('SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL')
  const applied = new Set(rows.map((row) => row.migration_name))
  return written.filter((name) => !applied.has(name))
}

/**
 * Applies the pending migrations and answers their names. Several processes may do this at once: one applies, the others wait for it.
 * @throws what the database says, when it still does after ten seconds
 */
export async function applyMigrations (database: Database): Promise<string[]> {
  const migrations = await readMigrations(database.provider)
  const end = Date.now() + 10_000
  for (;;) {
    try {
      return await withSchemaEngine(database, async (engine) => await engine.apply(migrations))
    } catch (error) {
      // PostgreSQL's advisory lock (P1002) and SQLite's file lock mean that another process is migrating: its work may be all there is to do.
      if (Date.now() > end || !/P1002|advisory lock|locked|busy/i.test(String(error))) throw error
      await wait(100)
    }
  }
}
