import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A TCP proxy between a server and its database that can inject faults. */
export interface Proxy {
  port: number
  /** Delays every chunk in both directions, in milliseconds. */
  delay: (milliseconds: number) => void
  /**
   * Silently drops all data on open and new connections, also delayed data. `false` forwards
   * new connections again; the earlier connections stay dead.
   */
  blackHole: (on: boolean) => void
  /** Sends new connections to another port. The earlier ones stay where they are. */
  leadTo: (port: number) => void
  /** The number of connections so far. */
  connections: () => number
  /** Breaks every connection with a reset. */
  reset: () => void
  close: () => void
}

/** Starts a proxy in front of a port of this machine. */
export async function startProxy(first: number): Promise<Proxy> {
  let target = first
  let count = 0
  let delayed = 0
  let silent = false
  const pairs = new Set<{ sockets: Socket[]; dead: boolean }>()
  const server = createServer((near) => {
    count++
    const far = connect(target, '127.0.0.1')
    const pair = { sockets: [near, far], dead: silent }
    pairs.add(pair)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true)
      const later = (act: () => void) => {
        if (pair.dead) return
        if (delayed === 0) act()
        else
          setTimeout(() => {
            if (!pair.dead) act()
          }, delayed)
      }
      from.on('data', (chunk) => {
        later(() => {
          to.write(chunk)
        })
      })
      from.on('close', () => {
        later(() => {
          to.destroy()
        })
      })
      from.on('error', () => {})
    }
    near.on('close', () => {
      pairs.delete(pair)
      if (pair.dead) far.destroy()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    delay: (milliseconds) => {
      delayed = milliseconds
    },
    blackHole: (on) => {
      silent = on
      if (on) for (const pair of pairs) pair.dead = true
    },
    leadTo: (port) => {
      target = port
    },
    connections: () => count,
    reset: () => {
      for (const { sockets } of pairs) for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () => {
      server.close()
      for (const { sockets } of pairs) for (const socket of sockets) socket.destroy()
    },
  }
}
