import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Problem } from '../errors.js'
import { type PostgresUrl, readPostgresUrl } from '../postgres-url.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { DatabaseError } from './database-error.js'
import { openForMigrations, openLibSql } from './libsql.js'
import { findSchema, quoted } from './postgres-schema.js'
import { poolOptions } from './postgres-options.js'
import { createRoutes } from './postgres-route.js'
import { openPostgres, openPostgresForMigrations, type PostgresServer } from './postgresql.js'

/** The SQL dialects of the migrations. */
export type Provider = 'sqlite' | 'postgresql'

/** A database that a URL names. */
export interface Database {
  provider: Provider
  /** The URL without user, password and query, for people and logs. */
  name: string
  /** The PostgreSQL schema of the tables. Null for other databases. */
  schema: string | null
  /** Opens a connection for queries. Every wait has a timeout. */
  adapter: () => Promise<SqlMigrationAwareDriverAdapterFactory>
  /** Opens a connection for migrations, which may take longer than a query. */
  migrationAdapter: () => Promise<SqlMigrationAwareDriverAdapterFactory>
  /**
   * Opens a connection to lock out other migrating processes, without waiting. Null if the
   * database locks by itself.
   */
  lockAdapter: (() => Promise<SqlMigrationAwareDriverAdapterFactory>) | null
}

/**
 * The time that a migration waits for other writers of the same SQLite file, in milliseconds.
 * It blocks the event loop.
 */
const busyMilliseconds = 1000

/**
 * Finds the database of a DATABASE_URL: file:, libsql: or postgresql:. Asks PostgreSQL for the
 * schema of the connection, see {@link findSchema}. Opens no other connection.
 *
 * @throws DatabaseError if there is no schema
 */
export async function findDatabase(url: string): Promise<Database> {
  const server = readServer(url)
  return server === null
    ? parseDatabaseUrl(url)
    : describePostgres(server, await findSchema(server.schema, await openPostgres(server, null)))
}

/**
 * Parses a DATABASE_URL. Opens no connection. A driver is loaded when it is first used.
 *
 * @param schema of a PostgreSQL database
 */
export function parseDatabaseUrl(url: string, schema = 'public'): Database {
  const server = readServer(url)
  if (server !== null) return describePostgres(server, schema)
  const path = filePath(url)
  if (path === null) {
    return {
      provider: 'sqlite',
      name: `libSQL ${withoutSecrets(url)}`,
      schema: null,
      adapter: async () => await openLibSql(url, null),
      migrationAdapter: async () => await openForMigrations(url, busyMilliseconds),
      lockAdapter: null,
    }
  }
  const file = url.replace(/\?.*$/, '')
  return {
    provider: 'sqlite',
    name: `SQLite ${file}`,
    schema: null,
    adapter: async () => await openLibSql(url, path),
    migrationAdapter: async () => await openForMigrations(url, busyMilliseconds),
    lockAdapter: async () => await openForMigrations(`${file}-migrating`, 0),
  }
}

/**
 * Opens a Prisma client. Loads only the client of this dialect.
 *
 * @param adapter a new one by default
 */
export async function connect(
  database: Database,
  adapter?: SqlMigrationAwareDriverAdapterFactory,
): Promise<PrismaClient> {
  const options = {
    adapter: adapter ?? (await database.adapter()),
    errorFormat: 'minimal' as const,
  }
  if (database.provider === 'sqlite') {
    const { PrismaClient } = await import('./generated/sqlite/client.js')
    return new PrismaClient(options)
  }
  const { PrismaClient } = await import('./generated/postgresql/client.js')
  // Both clients come from one schema without native types. They differ only in the mode of text
  // filters.
  return new PrismaClient(options) as unknown as PrismaClient
}

/** Puts a SQLite file into WAL mode: readers and the writer do not block each other. */
export async function prepareFile(url: string, client: PrismaClient): Promise<void> {
  if (url.startsWith('file:')) await client.$queryRawUnsafe('PRAGMA journal_mode = WAL')
}

/**
 * Creates the folder of a file: URL.
 *
 * @throws Problem `unavailable` if it cannot be created
 */
export async function makeFolder(url: string): Promise<void> {
  const path = filePath(url)
  if (path === null) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Problem('unavailable', { cause: error })
  })
}

/** Returns the path of the file of a file: URL; null for other URLs, and if the file exists. */
export function findMissingFile(url: string): string | null {
  const path = filePath(url)
  return path === null || existsSync(path) ? null : path
}

/**
 * Returns the name of a table for raw SQL. Prisma names the schema in its own queries, too: the
 * search_path decides nothing.
 */
export function tableIn(schema: string | null, table: string): string {
  return schema === null ? table : `${quoted(schema)}.${table}`
}

type NamedServer = PostgresServer & Pick<PostgresUrl, 'name' | 'schema'>

/** Returns the server of a postgresql: URL; null for other URLs. */
function readServer(text: string): NamedServer | null {
  if (!/^postgres(ql)?:/.test(text)) return null
  // The settings were checked.
  const { urls, ...rest } = readPostgresUrl(text) as PostgresUrl
  const [url] = urls as [string]
  return { ...rest, url, routes: createRoutes(urls, poolOptions), hasOthers: urls.length > 1 }
}

function describePostgres(server: NamedServer, schema: string): Database {
  return {
    provider: 'postgresql',
    name: `PostgreSQL ${server.name}${schema === 'public' ? '' : `, schema "${schema}"`}`,
    schema,
    adapter: async () => await openPostgres(server, schema),
    migrationAdapter: async () => {
      const { url, isPooled } = await server.routes.find()
      if (isPooled) throw new DatabaseError(refusePooler(server))
      return await openPostgresForMigrations(url, schema)
    },
    lockAdapter: null,
  }
}

// Advisory locks belong to a session, and a pooler shares sessions. Three migrations at once
// through PgBouncer broke each other, and left a lock.
function refusePooler({ name }: NamedServer): string {
  return `${name} seems to be a pooler, such as PgBouncer, and migrations need the database itself. Set MIGRATE_DATABASE_URL to the URL of the database; if there is no pooler, to the same URL as DATABASE_URL.`
}

/**
 * Returns a database whose migrations go to another URL of it, past a pooler. The operator
 * knows that there is none.
 */
export function pastPooler(database: Database, url: string): Database {
  const { routes } = readServer(url) as NamedServer
  return {
    ...database,
    migrationAdapter: async () =>
      await openPostgresForMigrations((await routes.find()).url, database.schema as string),
  }
}

/** Returns the path of the file of a file: URL; null for other URLs. */
export function filePath(url: string): string | null {
  if (!url.startsWith('file:')) return null
  // libSQL also accepts relative paths, which are not URLs. It decodes both.
  return url.startsWith('file://')
    ? fileURLToPath(url)
    : decodeURIComponent(url.replace(/^file:|\?.*$/g, ''))
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
