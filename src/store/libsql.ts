import { statSync } from 'node:fs'
import {
  DriverAdapterError,
  isDriverAdapterError,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import pRetry from 'p-retry'

/**
 * How long a statement waits at most, in milliseconds: for its turn and a lock of another
 * process, or for the server of a remote database.
 */
const patienceMilliseconds = { file: 1500, remote: 1900 }

/**
 * A connection for queries to a SQLite file or a remote libSQL. libSQL itself would wait for
 * the lock of another process on the event loop, where nobody gets an answer meanwhile: so it
 * does not wait, and what finds the file locked is tried again. One write at a time does that.
 *
 * @param path of the file; null for a remote database
 */
export async function openLibSql(
  url: string,
  path: string | null,
): Promise<SqlMigrationAwareDriverAdapterFactory> {
  const { PrismaLibSql } = await import('@prisma/adapter-libsql')
  const remote = path === null
  // What the server does not answer in time is given up, so that the next statement has its turn.
  const soon = async (input: string | URL | Request, init?: RequestInit) =>
    await fetch(input, { ...init, signal: AbortSignal.timeout(patienceMilliseconds.remote) })
  return new (class extends PrismaLibSql {
    override createClient(
      config: Parameters<InstanceType<typeof PrismaLibSql>['createClient']>[0],
    ) {
      const client = super.createClient(config)
      return path === null ? client : Object.assign(client, { execute: careful(client, path) })
    }

    override async connect() {
      const adapter = await super.connect()
      const patiently = createPatience(remote)
      const queryRaw = adapter.queryRaw.bind(adapter)
      const executeRaw = adapter.executeRaw.bind(adapter)
      return Object.assign(adapter, {
        queryRaw: async (query: Parameters<typeof queryRaw>[0]) =>
          await patiently(query.sql, async () => await queryRaw(query)),
        executeRaw: async (query: Parameters<typeof executeRaw>[0]) =>
          await patiently(query.sql, async () => await executeRaw(query)),
      })
    }
  })(remote ? { url, fetch: soon } : { url })
}

/**
 * A connection for migrations, which may take long, and for locking other migrating processes
 * out.
 *
 * @param timeout how long it waits for the locks of others on a file, on the event loop, in
 *   milliseconds
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

// libSQL leaves a statement that found the file locked unfinished, and with it the transaction of
// every later write on the connection: it would be acknowledged, seen by this connection alone, and
// lost with the process. So a connection is given up after every failure but a broken rule of the
// schema, which leaves nothing behind. SQLite goes on writing to a file that was moved or deleted:
// what it acknowledges then would be gone as well. Another file in its place is taken up.
function careful(client: FileClient, path: string) {
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
 * Runs statements within {@link patienceMilliseconds}: reads of a file at once, everything else
 * one after the other.
 */
function createPatience(remote: boolean) {
  let last: Promise<unknown> = Promise.resolve()
  return async <T>(sql: string, execute: () => Promise<T>): Promise<T> => {
    const end = performance.now() + patienceMilliseconds[remote ? 'remote' : 'file']
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
    return await (remote ? before(end, turn) : turn)
  }
}

function isLocked(error: unknown): boolean {
  return isDriverAdapterError(error) && error.cause.kind === 'SocketTimeout'
}

async function before<T>(end: number, promise: Promise<T>): Promise<T> {
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
