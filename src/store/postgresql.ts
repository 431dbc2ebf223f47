import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'

/**
 * Timeouts in milliseconds: without them a request could wait forever for a connection or a
 * silent server. `query_timeout` begins when a connection is requested. The server cancels a
 * statement earlier if it can, so that it is known to have had no effect. A dead idle
 * connection is closed early.
 */
const poolOptions = {
  connectionTimeoutMillis: 1500,
  query_timeout: 1900,
  statement_timeout: 1500,
  idle_in_transaction_session_timeout: 5000,
  idleTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  application_name: 'latchkey',
}

/** Opens a connection pool for queries. Every query has a timeout. */
export async function openPostgres(
  connectionString: string,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new (class extends PrismaPg {
    override async connect() {
      const adapter = await super.connect()
      const pool = adapter.underlyingDriver()
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
        })
      }
      Object.assign(pool, { query: queryWithTimeout })
      return adapter
    }
  })(
    { connectionString, ...poolOptions },
    { onPoolError: ignoreIdleFailure, onConnectionError: ignoreIdleFailure },
  )
}

/** Opens a connection for migrations, which may take longer than a query. */
export async function openPostgresForMigrations(
  connectionString: string,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new PrismaPg(
    { connectionString, connectionTimeoutMillis: 5000 },
    { onPoolError: ignoreIdleFailure, onConnectionError: ignoreIdleFailure },
  )
}

// The pool drops a connection that breaks while idle. The next query opens a new one or fails with
// its own error.
function ignoreIdleFailure(): void {}
