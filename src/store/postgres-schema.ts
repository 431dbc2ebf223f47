import type {
  SqlMigrationAwareDriverAdapterFactory,
  SqlResultSet,
} from '@prisma/driver-adapter-utils'
import { withParameter } from '../postgres-url.js'
import { DatabaseError } from './database-error.js'

/**
 * The first schema of the search_path that has Latchkey's table, in the order in which
 * PostgreSQL resolves a name. If none has it, `found` is null, and `current` gets the table.
 */
const inSearchPath = `SELECT current_schema()::text AS current, current_setting('search_path') AS search_path, (
  SELECT space.nspname::text
  FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place)
  JOIN pg_namespace space ON space.nspname = path.name
  JOIN pg_class item ON item.relnamespace = space.oid AND item.relname = 'users'
  WHERE 2 = (
    SELECT count(*) FROM pg_attribute part
    WHERE part.attrelid = item.oid AND part.attname IN ('password_hash', 'token_epoch')
  )
  ORDER BY path.place LIMIT 1
) AS found`

/**
 * Returns the schema that holds Latchkey's tables, or gets them: `schema` of the URL, otherwise
 * the one of the connection.
 *
 * @param given the schema that the URL names; null for none
 * @param factory opens a connection for queries
 * @throws DatabaseError if there is no such schema
 */
export async function findSchema(
  given: string | null,
  factory: SqlMigrationAwareDriverAdapterFactory,
): Promise<string> {
  const connection = await factory.connect()
  try {
    const ask = async (sql: string, ...args: string[]) =>
      rowOf(
        await connection.queryRaw({
          sql,
          args,
          argTypes: args.map(() => ({ scalarType: 'string', arity: 'scalar' })),
        }),
      )
    if (given !== null) {
      const [found] = await ask('SELECT nspname::text FROM pg_namespace WHERE nspname = $1', given)
      if (found === undefined)
        throw new DatabaseError(
          `The database has no schema "${given}", which DATABASE_URL names (?schema=). Create it (CREATE SCHEMA ${quoted(given)}), or correct the URL.`,
        )
      return checked(given)
    }
    const [current, searchPath, found] = await ask(inSearchPath)
    if (typeof current !== 'string')
      throw new DatabaseError(
        `No schema of the search_path (${String(searchPath)}) exists and can be used by this role. Create one (CREATE SCHEMA …), or name another in DATABASE_URL: ?schema=public`,
      )
    return checked(typeof found === 'string' ? found : current)
  } finally {
    await connection.dispose()
  }
}

// Prisma does not escape it.
function checked(schema: string): string {
  if (!schema.includes('"')) return schema
  throw new DatabaseError(`The name of the schema ${schema} has a quote. Rename the schema.`)
}

/** Returns a name as an identifier of SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Returns a URL whose connections use one schema alone, also for names without a schema. */
export function withSearchPath(url: string, schema: string): string {
  // PostgreSQL splits the options at spaces.
  const path = quoted(schema).replace(/[\\\s]/g, '\\$&')
  return withParameter(url, 'options', (present) => `${present} -c search_path=${path}`.trim())
}

function rowOf({ rows }: SqlResultSet): unknown[] {
  return rows[0] ?? []
}
