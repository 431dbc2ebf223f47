import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * The outcome of a connection: the statuses of its responses, and the seconds until the server
 * closed it; null if it did not close it, undefined if the connection failed.
 */
export interface Ended {
  statuses: string[]
  seconds: number | null | undefined
}

/** A connection and its end. */
export interface Held {
  socket: Socket
  ended: Promise<Ended>
  statuses: string[]
}

/**
 * Opens a connection and returns it when it is open or has failed. It keeps only the statuses
 * of responses.
 *
 * @param from one of the addresses of this machine, 127.0.0.0/8
 */
export async function hold(port: number, from = '127.0.0.1'): Promise<Held> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from }).setEncoding('latin1')
  const statuses: string[] = []
  let begin: number | undefined
  socket.on('data', (text: unknown) => {
    for (const [, status = ''] of String(text).matchAll(/HTTP\/1\.1 (\d{3})/g))
      statuses.push(status)
  })
  socket.on('error', () => {})
  const ended = new Promise<Ended>((resolve) => {
    socket.once('close', () => {
      resolve({
        statuses,
        seconds: begin === undefined ? undefined : (performance.now() - begin) / 1000,
      })
    })
  })
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', () => {
      resolve()
    })
  })
  if (!socket.destroyed) begin = performance.now()
  return { socket, ended, statuses }
}

/**
 * Opens connections, fifty at a time.
 *
 * @param first the data that each connection sends at once
 * @param from the source addresses on this machine, in turn
 */
export async function holdMany(
  port: number,
  count: number,
  first = '',
  from = ['127.0.0.1'],
): Promise<Held[]> {
  const all: Held[] = []
  while (all.length < count) {
    const some = Array.from(
      { length: Math.min(50, count - all.length) },
      async (_, index) => await hold(port, from[index % from.length]),
    )
    const held = await Promise.all(some)
    if (first !== '') for (const { socket } of held) socket.write(first)
    all.push(...held)
  }
  return all
}

/** Waits for the outcome of connections. After so many seconds it closes the remaining ones. */
export async function endsOf(held: Held[], seconds: number): Promise<Ended[]> {
  const over = new AbortController()
  const late = wait(seconds * 1000, null, { signal: over.signal }).catch(() => null)
  const ends = await Promise.all(
    held.map(async ({ socket, ended, statuses }) => {
      const end = await Promise.race([ended, late])
      socket.destroy()
      return end ?? { statuses, seconds: null }
    }),
  )
  over.abort()
  return ends
}
