import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Problem } from '../errors.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { openForMigrations, openLibSql } from './libsql.js'
import { openPostgres, openPostgresForMigrations } from './postgresql.js'

/** The two kinds of SQL that migrations are written in. */
export type Provider = 'sqlite' | 'postgresql'

/** A database as its URL names it. */
export interface Database {
  provider: Provider
  /** The URL without user, password and query, for people and logs. */
  name: string
  /** A connection for queries, with every wait bounded. */
  adapter: () => Promise<SqlMigrationAwareDriverAdapterFactory>
  /** A connection for migrations, which may take longer than a query. */
  migrationAdapter: () => Promise<SqlMigrationAwareDriverAdapterFactory>
  /**
   * Where to lock out other migrating processes; null where the database does that itself. Does
   * not wait.
   */
  lockAdapter: (() => Promise<SqlMigrationAwareDriverAdapterFactory>) | null
}

/**
 * How long a migration waits for others that are writing the same SQLite file, on the event
 * loop, in milliseconds.
 */
const busyMilliseconds = 1000

/**
 * Reads a DATABASE_URL: file:, libsql: or postgresql:. Nothing is opened yet, and only the
 * driver that is needed is loaded, when it is needed.
 */
export function parseDatabaseUrl(url: string): Database {
  if (/^postgres(ql)?:/.test(url)) {
    return {
      provider: 'postgresql',
      name: `PostgreSQL ${withoutSecrets(url)}`,
      adapter: async () => await openPostgres(url),
      migrationAdapter: async () => await openPostgresForMigrations(url),
      lockAdapter: null,
    }
  }
  const path = filePath(url)
  if (path === null) {
    return {
      provider: 'sqlite',
      name: `libSQL ${withoutSecrets(url)}`,
      adapter: async () => await openLibSql(url, null),
      migrationAdapter: async () => await openForMigrations(url, busyMilliseconds),
      lockAdapter: null,
    }
  }
  const file = url.replace(/\?.*$/, '')
  return {
    provider: 'sqlite',
    name: `SQLite ${file}`,
    adapter: async () => await openLibSql(url, path),
    migrationAdapter: async () => await openForMigrations(url, busyMilliseconds),
    lockAdapter: async () => await openForMigrations(`${file}-migrating`, 0),
  }
}

/**
 * Opens Prisma's client on a database, through an adapter of its own unless one is given. Only
 * the client that is needed is loaded.
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
  // Both clients come from one schema without native types; they differ in filters that are not
  // used here.
  return new PrismaClient(options) as unknown as PrismaClient
}

/** Puts a SQLite file into WAL mode, in which readers and the writer do not block each other. */
export async function prepareFile(url: string, client: PrismaClient): Promise<void> {
  if (url.startsWith('file:')) await client.$queryRawUnsafe('PRAGMA journal_mode = WAL')
}

/** Makes the folder that a file: URL points into. Throws Problem `unavailable`. */
export async function makeFolder(url: string): Promise<void> {
  const path = filePath(url)
  if (path === null) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Problem('unavailable', { cause: error })
  })
}

// libSQL takes relative paths too, which are no URLs, and decodes both.
function filePath(url: string): string | null {
  if (!url.startsWith('file:')) return null
  return url.startsWith('file://')
    ? fileURLToPath(url)
    : decodeURIComponent(url.replace(/^file:|\?.*$/g, ''))
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
