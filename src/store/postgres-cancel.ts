import { connect } from 'node:net'
import type pg from 'pg'
import { ignore } from './postgres-options.js'

/** Where a connection leads, and the key for its cancellation. */
export interface CancelKey {
  host: string
  port: number
  processID: number
  secretKey: number
}

/** The max time for a cancellation to arrive, in milliseconds. */
const cancelMilliseconds = 1000

/** The number of a CancelRequest in the protocol of PostgreSQL. */
const cancelRequest = 80877102

/**
 * Asks a server to cancel what one of its connections is doing. Returns when the server has got
 * the request, or cannot be reached. As in libpq before version 17, the request is not
 * encrypted. Its key is worth nothing afterwards, as the connection ends.
 */
export async function cancelStatement({
  host,
  port,
  processID,
  secretKey,
}: CancelKey): Promise<void> {
  const request = Buffer.alloc(16)
  for (const [index, value] of [16, cancelRequest, processID, secretKey].entries())
    request.writeInt32BE(value, index * 4)
  // The path of a socket.
  const place = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  const socket = connect(place).on('error', ignore).resume()
  socket.setTimeout(cancelMilliseconds, () => socket.destroy())
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  // The server closes the connection.
  socket.write(request)
  await closed
}

/** Returns whether the driver gave up waiting for the result of a statement. */
export function isQueryTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout'
}

/** A connection of a pool, as `routedClient` leaves it. */
interface RoutedConnection extends CancelKey {
  isPooled: boolean
  end: (callback: () => void) => void
}

/**
 * Lets the pool's connections cancel a statement that timed out, before they end. The server
 * does not notice the end of a connection while a commit waits for a standby, or a statement
 * for a lock. So ended connections would fill `max_connections`.
 */
export function cancelTimedOut(pool: pg.Pool): void {
  pool.on('release', (error: unknown, client) => {
    const hung = client as unknown as RoutedConnection
    // PgBouncer 1.18 can crash if a cancellation is given up before it has passed it on.
    if (!isQueryTimeout(error) || hung.isPooled) return
    const end = hung.end.bind(hung)
    hung.end = (callback) => {
      // The pool need not wait: it has dropped the connection.
      callback()
      void cancelStatement(hung).then(() => {
        end(ignore)
      })
    }
  })
}
