import { type Database, tableIn } from './database.js'
import { DatabaseError } from './database-error.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { readMigrations } from './written-migrations.js'

const elsewhere =
  'Give Latchkey a database of its own, or a PostgreSQL schema of its own (CREATE SCHEMA latchkey, then ?schema=latchkey in DATABASE_URL).'

/** The columns of the first migration that tell Latchkey's table from those of others. */
const ownColumns = ['id', 'email', 'password_hash', 'token_epoch']

/** The migrations that a database lacks, oldest first. */
export interface Pending {
  names: string[]
  /** Began and did not finish: another process applies them now, or they have failed. */
  unfinished: string[]
}

/**
 * Compares a database with the migrations of this version.
 *
 * @throws DatabaseError if the tables belong to another program
 */
export async function findPending(database: Database, client: PrismaClient): Promise<Pending> {
  const written = (await readMigrations(database.provider)).map(({ name }) => name)
  const tables = await findTables(database, client)
  const others = tables.filter((name) => name !== '_prisma_migrations')
  const rows = tables.length > others.length ? await findRows(database, client) : []
  if (rows.length === 0) {
    if (others.length > 0) throw isForeign(`${database.name} has the tables of`, others)
    return { names: written, unfinished: [] }
  }
  if (!rows.some(({ name }) => written.includes(name)))
    throw isForeign(
      `${database.name} has the migrations of`,
      rows.map(({ name }) => name),
    )
  const applied = new Set(rows.filter(({ done }) => Number(done) === 1).map(({ name }) => name))
  const names = written.filter((name) => !applied.has(name))
  if (names.length < written.length) await checkTable(database, client)
  const unfinished = rows.filter(({ done }) => done === null).map(({ name }) => name)
  // A newer version may have failed. This version can still serve.
  return { names, unfinished: names.length > 0 ? unfinished : [] }
}

/**
 * Returns the error for a migration that failed, with the statements that resolve it. It was
 * recorded by Prisma's own command, or the process was killed.
 */
export function failedMigration(
  { name, provider, schema }: Database,
  unfinished: string[],
): DatabaseError {
  const [first = ''] = unfinished
  const set = (column: string) =>
    `UPDATE ${tableIn(schema, '_prisma_migrations')} SET ${column} = CURRENT_TIMESTAMP WHERE migration_name = '${first}' AND finished_at IS NULL;`
  return new DatabaseError(
    `${name}: the migration ${unfinished.join(', ')} began and did not finish. If another process migrates now, wait for it. Otherwise compare the table users with prisma/migrations/${provider}/${first}/migration.sql.
If all changes of the file are there: ${set('finished_at')}
If not, undo those that are there:    ${set('rolled_back_at')}
Then run "npm run migrate".`,
  )
}

function isForeign(has: string, names: string[]): DatabaseError {
  const shown = names.slice(0, 5).join(', ')
  return new DatabaseError(`${has} another program (${shown}), and none of Latchkey. ${elsewhere}`)
}

/** Returns the tables of the schema, without those of PostgreSQL's extensions. */
async function findTables({ schema }: Database, client: PrismaClient): Promise<string[]> {
  const rows =
    schema === null
      ? await client.$queryRawUnsafe<Array<{ name: string }>>(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )
      : await client.$queryRawUnsafe<Array<{ name: string }>>(
          `SELECT item.relname::text AS name FROM pg_class item JOIN pg_namespace space ON space.oid = item.relnamespace
          WHERE space.nspname = $1 AND item.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = item.oid AND deptype = 'e') ORDER BY name`,
          schema,
        )
  return rows.map(({ name }) => name)
}

/** The rows of `_prisma_migrations`: `done` is null if one failed, and 0 if it was rolled back. */
async function findRows(
  { name, schema }: Database,
  client: PrismaClient,
): Promise<Array<{ name: string; done: unknown }>> {
  const table = tableIn(schema, '_prisma_migrations')
  const columns = await findColumns(schema, client, '_prisma_migrations')
  if (!['migration_name', 'finished_at', 'rolled_back_at'].every((one) => columns.includes(one)))
    throw new DatabaseError(
      `The table _prisma_migrations of ${name} belongs to another program. ${elsewhere}`,
    )
  return await client.$queryRawUnsafe(
    `SELECT migration_name AS name, CASE WHEN rolled_back_at IS NOT NULL THEN 0 WHEN finished_at IS NOT NULL THEN 1 END AS done FROM ${table} ORDER BY started_at, migration_name`,
  )
}

async function findColumns(
  schema: string | null,
  client: PrismaClient,
  table: string,
): Promise<string[]> {
  const rows =
    schema === null
      ? await client.$queryRawUnsafe<Array<{ name: string }>>(
          `SELECT name FROM pragma_table_info('${table}')`,
        )
      : await client.$queryRawUnsafe<Array<{ name: string }>>(
          'SELECT attname::text AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped',
          tableIn(schema, table),
        )
  return rows.map(({ name }) => name)
}

/** A recorded migration proves little: another program's can have the same name. */
async function checkTable({ name, schema }: Database, client: PrismaClient): Promise<void> {
  const columns = await findColumns(schema, client, 'users')
  if (ownColumns.every((column) => columns.includes(column))) return
  throw new DatabaseError(
    columns.length > 0
      ? `The table users of ${name} belongs to another program. ${elsewhere}`
      : `${name} records migrations of Latchkey, or of another program with the same names, but has no table users. Restore a backup. ${elsewhere}`,
  )
}
