import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'

/**
 * The load of a connection pool: connections that run a query, idle connections, and queries
 * that wait for one.
 */
export interface ConnectionLoad {
  in_use: number
  idle: number
  waiting: number
}

/** The counts of a node-postgres pool. */
interface Pool {
  totalCount: number
  idleCount: number
  waitingCount: number
}

/**
 * Returns a function that reads the load of an adapter's pool; null for adapters without a
 * pool. Call it before the client gets the adapter. The counts are 0 until the client has
 * opened the pool.
 */
export function watchPool(
  adapter: SqlMigrationAwareDriverAdapterFactory,
): (() => ConnectionLoad) | null {
  if (adapter.provider !== 'postgres') return null
  let pool: Pool = { totalCount: 0, idleCount: 0, waitingCount: 0 }
  const connect = adapter.connect.bind(adapter)
  adapter.connect = async () => {
    const opened = (await connect()) as Awaited<ReturnType<typeof connect>> & {
      underlyingDriver: () => Pool
    }
    pool = opened.underlyingDriver()
    return opened
  }
  return () => ({
    in_use: pool.totalCount - pool.idleCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
  })
}
