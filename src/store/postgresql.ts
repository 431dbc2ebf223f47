import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { cancelTimedOut, isQueryTimeout } from './postgres-cancel.js'
import { ignore, poolOptions } from './postgres-options.js'
import { isReadOnly, type Routes, routedClient } from './postgres-route.js'
import { withSearchPath } from './postgres-schema.js'

/** The server that a pool connects to. */
export interface PostgresServer {
  /** A URL of one host, with the parameters of all. */
  url: string
  routes: Routes
  /** Whether there are other hosts. */
  hasOthers: boolean
  /** Null for the default of the driver. */
  maxConnections: number | null
}

/**
 * Opens a connection pool for queries. Every query has a timeout.
 *
 * @param schema of the tables; null before it is known
 */
export async function openPostgres(
  { url, routes, hasOthers, maxConnections }: PostgresServer,
  schema: string | null,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new (class extends PrismaPg {
    override async connect() {
      const adapter = await super.connect()
      const pool = adapter.underlyingDriver()
      cancelTimedOut(pool)
      const query = pool.query.bind(pool) as (statement: object) => Promise<unknown>
      // The driver reads the timeout once the statement has a connection: return the time that is
      // left.
      const queryWithTimeout = async (statement: object) => {
        const end = performance.now() + poolOptions.query_timeout
        return await query({
          ...statement,
          get query_timeout() {
            return Math.max(1, end - performance.now())
          },
        }).catch((error: unknown) => {
          // The pool drops the connection of every failed query. A silent host may have lost its
          // network. If it was only slow, it is found again, and other connections stay.
          if (isReadOnly(error) || (hasOthers && isQueryTimeout(error))) routes.forget()
          throw error
        })
      }
      Object.assign(pool, { query: queryWithTimeout })
      return adapter
    }
  })(
    {
      connectionString: url,
      ...poolOptions,
      ...(maxConnections !== null && { max: maxConnections }),
      Client: routedClient(routes, hasOthers),
    },
    { ...ignoreIdleFailures, ...(schema !== null && { schema }) },
  )
}

/**
 * The wait of a migration for a lock, in milliseconds. Queries queue behind a migration that
 * waits, so it gives up soon and tries again.
 */
const lockMilliseconds = 1000

/**
 * Opens one connection for migrations, which may take longer than a query. Its search_path is
 * the schema alone. A migration is one transaction. If it fails, it is recorded as rolled
 * back.
 */
export async function openPostgresForMigrations(
  url: string,
  schema: string,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new (class extends PrismaPg {
    override async connect() {
      const adapter = await super.connect()
      const execute = async (sql: string) => {
        await adapter.executeRaw({ sql, args: [], argTypes: [] })
      }
      // Prisma would send the statements one by one, each as a transaction. Sent as one text they
      // are one transaction.
      const executeScript = async (script: string) => {
        await execute(script).catch(async (error: unknown) => {
          // The engine has recorded that the migration began. Without this, it would refuse to try
          // again. The engine still has the lock.
          await execute(markRolledBack).catch(ignore)
          throw error
        })
      }
      return Object.assign(adapter, { executeScript })
    }
  })(
    {
      connectionString: withSearchPath(url, schema),
      connectionTimeoutMillis: 5000,
      lock_timeout: lockMilliseconds,
      application_name: 'latchkey migrate',
      // The lock of the engine belongs to the connection.
      max: 1,
    },
    { ...ignoreIdleFailures, schema },
  )
}

const markRolledBack =
  'UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL AND rolled_back_at IS NULL'

// The pool drops a connection that breaks while idle. The next query opens a new one or fails with
// its own error.
const ignoreIdleFailures = { onPoolError: ignore, onConnectionError: ignore }
