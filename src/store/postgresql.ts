import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'

/**
 * Bounds, in milliseconds: without them a request waits for a connection or for a silent server
 * for ever. `query_timeout` holds from when a connection is asked for; the server ends a
 * statement earlier where it can, so that it is known not to have happened. An idle connection
 * that has silently died is gone before it has been missed for long.
 */
const patience = {
  connectionTimeoutMillis: 1500,
  query_timeout: 1900,
  statement_timeout: 1500,
  idle_in_transaction_session_timeout: 5000,
  idleTimeoutMillis: 5000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  application_name: 'latchkey',
}

/** A pool of connections for queries, each of which ends in time. */
export async function openPostgres(
  connectionString: string,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new (class extends PrismaPg {
    override async connect() {
      const adapter = await super.connect()
      const pool = adapter.underlyingDriver()
      const query = pool.query.bind(pool) as (statement: object) => Promise<unknown>
      // The driver reads the bound when the statement has got its connection: what is left of it by
      // then.
      const inTime = async (statement: object) => {
        const end = performance.now() + patience.query_timeout
        return await query({
          ...statement,
          get query_timeout() {
            return Math.max(1, end - performance.now())
          },
        })
      }
      Object.assign(pool, { query: inTime })
      return adapter
    }
  })(
    { connectionString, ...patience },
    { onPoolError: ignoreIdleFailure, onConnectionError: ignoreIdleFailure },
  )
}

/** A connection for migrations, which may take longer than a query. */
export async function openPostgresForMigrations(
  connectionString: string,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  return new PrismaPg(
    { connectionString, connectionTimeoutMillis: 5000 },
    { onPoolError: ignoreIdleFailure, onConnectionError: ignoreIdleFailure },
  )
}

// A connection that breaks while idle is dropped by the pool; the next query opens a new one or
// fails with its own error.
function ignoreIdleFailure(): void {}
