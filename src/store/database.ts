import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { Problem } from '../errors.js'
import type { PrismaClient } from './generated/sqlite/client.js'

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
  /** Where to lock out other migrating processes; null where the database does that itself. Does not wait. */
  lockAdapter: (() => Promise<SqlMigrationAwareDriverAdapterFactory>) | null
}

/** How long one process waits for another that is writing the same SQLite file. libSQL's own default is 0; it waits on the event loop, so this is not long. */
const busyMilliseconds = 1000

/** Bounds on PostgreSQL, in milliseconds: without them a request waits for a pool slot or a silent server for ever. */
const patience = { connectionTimeoutMillis: 1500, query_timeout: 1900, statement_timeout: 1500, idle_in_transaction_session_timeout: 5000, idleTimeoutMillis: 30_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: 'latchkey' }

/** Reads a DATABASE_URL: file:, libsql: or postgresql:. Nothing is opened yet, and only the driver that is needed is loaded, when it is needed. */
export function parseDatabaseUrl (url: string): Database {
  if (/^postgres(ql)?:/.test(url)) {
    const adapter = async (waits: object) => new (await import('@prisma/adapter-pg')).PrismaPg({ connectionString: url, ...waits }, { onPoolError: ignoreIdleFailure, onConnectionError: ignoreIdleFailure })
    return { provider: 'postgresql', name: `PostgreSQL ${withoutSecrets(url)}`, adapter: async () => await adapter(patience), migrationAdapter: async () => await adapter({ connectionTimeoutMillis: 5000 }), lockAdapter: null }
  }
  const file = url.startsWith('file:')
  const adapter = async () => await openLibSql({ url, ...(file && { timeout: busyMilliseconds }) })
  const path = url.replace(/\?.*$/, '')
  const lockAdapter = file ? async () => await openLibSql({ url: `${path}-migrating` }) : null
  return { provider: 'sqlite', name: file ? `SQLite ${path}` : `libSQL ${withoutSecrets(url)}`, adapter, migrationAdapter: adapter, lockAdapter }
}

/** Opens Prisma's client on a database. Only the client that is needed is loaded. */
export async function connect (database: Database): Promise<PrismaClient> {
  const options = { adapter: await database.adapter(), errorFormat: 'minimal' as const }
  if (database.provider === 'sqlite') {
    const { PrismaClient } = await import('./generated/sqlite/client.js')
    return new PrismaClient(options)
  }
  const { PrismaClient } = await import('./generated/postgresql/client.js')
  // Both clients come from one schema without native types; they differ in filters that are not used here.
  return new PrismaClient(options) as unknown as PrismaClient
}

/** Puts a SQLite file into WAL mode, in which readers and the writer do not block each other. */
export async function prepareFile (url: string, client: PrismaClient): Promise<void> {
  if (url.startsWith('file:')) await client.$queryRawUnsafe('PRAGMA journal_mode = WAL')
}

/** Makes the folder that a file: URL points into. Throws Problem `unavailable`. */
export async function makeFolder (url: string): Promise<void> {
  if (!url.startsWith('file:')) return
  // libSQL takes relative paths too, which are no URLs, and decodes both.
  const path = url.startsWith('file://') ? fileURLToPath(url) : decodeURIComponent(url.replace(/^file:|\?.*$/g, ''))
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => { throw new Problem('unavailable', { cause: error }) })
}

// libSQL leaves a statement that gave up waiting for a lock unfinished, and with it the transaction of every later write on the connection: it would be acknowledged, seen
// by this connection alone, and lost with the process. So such a connection is given up.
async function openLibSql (config: { url: string, timeout?: number }): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaLibSql } = await import('@prisma/adapter-libsql')
  return new class extends PrismaLibSql {
    override createClient (options: Parameters<InstanceType<typeof PrismaLibSql>['createClient']>[0]) {
      const client = super.createClient(options)
      const execute = client.execute.bind(client) as (statement: unknown) => Promise<never>
      return Object.assign(client, {
        execute: async (statement: unknown) => await execute(statement).catch(async (error: { code?: string }) => {
          if (error.code?.startsWith('SQLITE_BUSY')) await client.reconnect()
          throw error
        })
      })
    }
  }(config)
}

function withoutSecrets (url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

// A connection that breaks while idle is dropped by the pool; the next query opens a new one or fails with its own error.
function ignoreIdleFailure (): void {}
