import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

/** The outcome of one request of the probe: its status or error, and its duration. */
export interface Probed {
  outcome: string
  milliseconds: number
}

/** A normal caller of the server, beside an attack. */
export interface Probe {
  /** Returns the outcomes since the last call. */
  take: () => Probed[]
  stop: () => Promise<void>
}

/**
 * Starts a probe of `GET /health/live` and `GET /claims`: each twenty times a second on kept
 * connections, and as often on new ones.
 */
export async function startProbe(url: string, token: string): Promise<Probe> {
  const child = fork(resolve('dist/bench/chaos/probe.js'), [url, token])
  const probed: Probed[] = []
  child.on('message', (one) => {
    probed.push(one as Probed)
  })
  await once(child, 'message')
  return {
    take: () => probed.splice(0),
    stop: async () => {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
