import pg from 'pg'
import { ignore } from './postgres-options.js'

/** The timeouts that a server applies itself, in milliseconds. Poolers refuse them by default. */
export interface ServerTimeouts {
  statement_timeout: number
  idle_in_transaction_session_timeout: number
}

/** Where new connections go. */
export interface Route {
  url: string
  host: string
  port: number
  /** Whether the server accepts {@link ServerTimeouts} at the start of a connection. */
  acceptsTimeouts: boolean
  /** Whether a pooler is between: it gives another process id than the server. */
  isPooled: boolean
  /** The timeline of PostgreSQL: each promotion begins a higher one. 0 for a single host. */
  timeline: number
}

/** Finds the host that new connections go to. */
export interface Routes {
  /**
   * Returns the host that can be written to. Of several, as after a failover without fencing,
   * it is the one that was promoted last. Looks once, until {@link Routes.forget}.
   *
   * @throws the error of the driver for the first host, if there is none
   */
  find: () => Promise<Route>
  /** Looks again at the next connection. */
  forget: () => void
}

/** The max time to look at the hosts, in milliseconds. It must leave time for the connection. */
const probeMilliseconds = 1000

/** SQLSTATE of a write on a standby. The driver has no such error before the first write. */
const readOnly = '25006'

/**
 * Creates {@link Routes}. With a single host, whether it can be written to does not matter:
 * there is no other.
 *
 * @param urls a URL for each host
 */
export function createRoutes(urls: readonly string[], timeouts: ServerTimeouts): Routes {
  let current: Promise<Route> | undefined
  const search = async () => {
    // All at once: a silent host must not use up the time of the others.
    const probes = await Promise.allSettled(
      urls.map(async (url) => await probe(url, timeouts, urls.length > 1)),
    )
    const found = probes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const failures = probes.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as unknown] : [],
    )
    const newest = Math.max(...found.map(({ timeline }) => timeline))
    const route = found.find(({ timeline }) => timeline === newest)
    if (route === undefined) throw failures.find((error) => !isReadOnly(error)) ?? failures[0]
    return route
  }
  return {
    find: async () => {
      const found = (current ??= search())
      try {
        return await found
      } catch (error) {
        if (current === found) current = undefined
        throw error
      }
    },
    forget: () => {
      current = undefined
    },
  }
}

/** Returns whether an error means that the server is a standby, or was made read-only. */
export function isReadOnly(error: unknown): boolean {
  return (error as { code?: unknown }).code === readOnly
}

/**
 * Returns a client class of the driver that connects to the host of `routes`. Each connection
 * to one of several hosts is checked again: the host may have become a standby since it was
 * found.
 */
export function routedClient(routes: Routes, hasOthers: boolean): typeof pg.Client {
  class RoutedClient extends pg.Client {
    override connect(): Promise<this>
    override connect(callback: (error: Error | null) => void): void
    override connect(callback?: (error: Error | null) => void): Promise<this> | undefined {
      const connected = this.follow()
      if (callback === undefined) return connected
      connected.then(() => {
        callback(null)
      }, callback)
      return undefined
    }

    private async follow(): Promise<this> {
      const { host, port, acceptsTimeouts, isPooled } = await routes.find()
      const parameters = (this as unknown as { connectionParameters: object }).connectionParameters
      Object.assign(this, { host, port, isPooled })
      if (!acceptsTimeouts)
        Object.assign(parameters, {
          statement_timeout: false,
          idle_in_transaction_session_timeout: false,
        })
      // A connection that breaks later is the first sign of a failover.
      this.once('error', routes.forget)
      try {
        await super.connect()
        if (hasOthers) await requireWritable(this)
        return this
      } catch (error) {
        routes.forget()
        this.end().catch(ignore)
        throw error
      }
    }
  }
  return RoutedClient
}

async function probe(
  connectionString: string,
  timeouts: ServerTimeouts,
  hasOthers: boolean,
): Promise<Route> {
  const end = performance.now() + probeMilliseconds
  const left = () => Math.max(1, end - performance.now())
  const connect = async (parameters: Partial<ServerTimeouts>) => {
    const client = new pg.Client({
      connectionString,
      connectionTimeoutMillis: left(),
      application_name: 'latchkey',
      ...parameters,
    })
    client.on('error', ignore)
    await client.connect()
    return client
  }
  let acceptsTimeouts = true
  const client = await connect(timeouts).catch(async (error: unknown) => {
    // PgBouncer: "unsupported startup parameter".
    if ((error as { code?: unknown }).code !== '08P01') throw error
    acceptsTimeouts = false
    return await connect({})
  })
  try {
    if (hasOthers) await requireWritable(client, left())
    const pid = await ask(client, 'SELECT pg_backend_pid()', left())
    const { host, port, processID } = client as pg.Client & { processID: number }
    return {
      url: connectionString,
      host,
      port,
      acceptsTimeouts,
      isPooled: pid !== processID,
      timeline: hasOthers ? await readTimeline(client, left()) : 0,
    }
  } finally {
    client.end().catch(ignore)
  }
}

/** Returns the first value of a query. */
async function ask(client: pg.Client, text: string, milliseconds?: number): Promise<unknown> {
  const query = { text, rowMode: 'array' as const, query_timeout: milliseconds }
  const { rows } = await client.query<unknown[]>(query)
  return rows[0]?.[0]
}

/**
 * Reads the first eight digits of the name of a log file. Other servers than PostgreSQL have
 * none.
 */
async function readTimeline(client: pg.Client, milliseconds: number): Promise<number> {
  const name = await ask(
    client,
    'SELECT pg_walfile_name(pg_current_wal_lsn())',
    milliseconds,
  ).catch(() => '0'.repeat(8))
  return parseInt(String(name).slice(0, 8), 16)
}

async function requireWritable(client: pg.Client, milliseconds?: number): Promise<void> {
  if ((await ask(client, 'SHOW transaction_read_only', milliseconds)) !== 'off')
    throw Object.assign(new Error('the server is a standby, or read-only'), {
      code: readOnly,
      severity: 'ERROR',
    })
}
