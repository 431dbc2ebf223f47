import { statSync } from 'node:fs'
import {
  DriverAdapterError,
  isDriverAdapterError,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import pRetry from 'p-retry'

/**
 * The max time of a statement in milliseconds. For a file it includes the wait in the queue and
 * for the lock of another process. For a remote database it includes the time of the server.
 */
const timeoutMilliseconds = { file: 1500, remote: 1900 }

/**
 * Opens a connection for queries to a SQLite file or a remote libSQL. libSQL would wait for the
 * lock of another process on the event loop and block every request. So it does not wait: a
 * statement that finds the file locked is retried. Only one write at a time is retried.
 *
 * @param path of the file; null for a remote database
 */
export async function openLibSql(
  url: string,
  path: string | null,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaLibSql } = await import('@prisma/adapter-libsql')
  const remote = path === null
  // Abandon a request that the server does not answer in time, so that the next statement can run.
  const fetchWithTimeout = async (input: string | URL | Request, init?: RequestInit) =>
    await fetch(input, { ...init, signal: AbortSignal.timeout(timeoutMilliseconds.remote) })
  return new (class extends PrismaLibSql {
    override createClient(
      config: Parameters<InstanceType<typeof PrismaLibSql>['createClient']>[0],
    ) {
      const client = super.createClient(config)
      return path === null
        ? client
        : Object.assign(client, { execute: reconnectAfterErrors(client, path) })
    }

    override async connect() {
      const adapter = await super.connect()
      const inQueue = createStatementQueue(remote)
      const queryRaw = adapter.queryRaw.bind(adapter)
      const executeRaw = adapter.executeRaw.bind(adapter)
      return Object.assign(adapter, {
        queryRaw: async (query: Parameters<typeof queryRaw>[0]) =>
          await inQueue(query.sql, async () => await queryRaw(query)),
        executeRaw: async (query: Parameters<typeof executeRaw>[0]) =>
          await inQueue(query.sql, async () => await executeRaw(query)),
      })
    }
  })(remote ? { url, fetch: fetchWithTimeout } : { url })
}

/**
 * Opens a connection for migrations, which may take long. It also serves to lock out other
 * migrating processes.
 *
 * @param timeout the max wait for the locks of others on a file, in milliseconds. It blocks the
 *   event loop.
 */
export async function openForMigrations(
  url: string,
  timeout: number,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaLibSql } = await import('@prisma/adapter-libsql')
  return new PrismaLibSql({ url, timeout })
}

interface FileClient {
  execute: (statement: never) => Promise<unknown>
  reconnect: () => void | Promise<void>
}

/**
 * Wraps `execute` so that the client reconnects after every error but a constraint error.
 * libSQL leaves the failed statement and its transaction open. Later writes on the connection
 * would be acknowledged, visible to it alone, and lost with the process.
 *
 * Also reconnects when the path has another file. SQLite keeps writing to a file that was moved
 * or deleted, and those writes would be lost too.
 */
function reconnectAfterErrors(client: FileClient, path: string) {
  const execute = client.execute.bind(client)
  let opened = identity(path)
  return async (statement: never) => {
    const found = identity(path)
    if (found === undefined) throw new DriverAdapterError({ kind: 'DatabaseNotReachable' })
    if (found !== opened) await client.reconnect()
    opened = found
    return await execute(statement).catch(async (error: { code?: string }) => {
      if (error.code !== 'SQLITE_CONSTRAINT') await client.reconnect()
      throw error
    })
  }
}

function identity(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

/**
 * Runs statements within {@link timeoutMilliseconds}: reads of a file at once, all other
 * statements one after the other.
 */
function createStatementQueue(remote: boolean) {
  let last: Promise<unknown> = Promise.resolve()
  return async <T>(sql: string, execute: () => Promise<T>): Promise<T> => {
    const end = performance.now() + timeoutMilliseconds[remote ? 'remote' : 'file']
    const attempt = async () => {
      const maxRetryTime = end - performance.now()
      if (maxRetryTime <= 0) throw new DriverAdapterError({ kind: 'SocketTimeout' })
      return await pRetry(execute, {
        retries: Infinity,
        minTimeout: 2,
        factor: 1.5,
        maxTimeout: 25,
        randomize: true,
        maxRetryTime,
        shouldRetry: ({ error }) => isLocked(error),
      })
    }
    if (!remote && /^SELECT\b/.test(sql)) return await attempt()
    const turn = last.then(attempt)
    last = turn.catch(() => {})
    return await (remote ? withDeadline(end, turn) : turn)
  }
}

function isLocked(error: unknown): boolean {
  return isDriverAdapterError(error) && error.cause.kind === 'SocketTimeout'
}

async function withDeadline<T>(end: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new DriverAdapterError({ kind: 'SocketTimeout' }))
    }, end - performance.now())
  })
  return await Promise.race([promise, late]).finally(() => {
    clearTimeout(timer)
  })
}
