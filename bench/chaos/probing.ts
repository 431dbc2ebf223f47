import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

/**
 * What came of one request of the probe: the status or why there is none, and how long that
 * took.
 */
export interface Probed {
  outcome: string
  milliseconds: number
}

/** Somebody who uses the server as usual, while others do not. */
export interface Probe {
  /** What came of the requests since the last call. */
  take: () => Probed[]
  stop: () => Promise<void>
}

/**
 * Starts asking `GET /health/live` and `GET /claims`, each twenty times a second on connections
 * that are kept and as often on fresh ones.
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
