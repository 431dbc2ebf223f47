import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'

/**
 * Connections to a database server: those that work for a query and those that do not, and how
 * many queries wait for one.
 */
export interface ConnectionLoad {
  in_use: number
  idle: number
  waiting: number
}

/** What node-postgres tells of a pool. */
interface Pool {
  totalCount: number
  idleCount: number
  waitingCount: number
}

/**
 * Tells what the pool of an adapter is doing, once Prisma's client has opened it; null for
 * adapters that have none. Call it before the client gets the adapter.
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
