import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * What became of a connection: the statuses of the answers on it, and after how many seconds
 * the server closed it; null when it did not, undefined when it could not be made.
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
 * Connects and gives the connection as soon as it is there, or could not be made. Of an answer
 * only the status is kept.
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
 * Makes connections, fifty at a time.
 *
 * @param first what each sends at once
 * @param from the addresses of this machine that they come from, in turn
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

/**
 * What became of these connections; those that the server has not closed after so many seconds
 * are given up.
 */
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
