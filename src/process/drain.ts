import { setTimeout as wait } from 'node:timers/promises'

/**
 * The shutdown of a server towards its callers: a balancer that polls readiness is told before
 * the server stops accepting connections.
 */
export interface Drain {
  /** Returns whether the shutdown has begun. */
  isDraining: () => boolean
  /** Handles a readiness probe: returns whether requests should be sent here. */
  isReady: () => boolean
  /**
   * Begins the shutdown. Resolves at once if there are no recent probes. Otherwise resolves
   * after the next probe was told and earlier requests have arrived.
   */
  begin: () => Promise<void>
}

/** The times of a shutdown, in milliseconds. */
export interface DrainTimes {
  /** A balancer is taken to be polling for this long after a probe. */
  watched: number
  /** The max wait for the next probe. */
  maxWait: number
  /** Requests may still arrive for this long after the probe was told. */
  grace: number
}

/** The default times: probes come every few seconds, and a balancer needs a moment to react. */
export const drainTimes: DrainTimes = { watched: 15_000, maxWait: 2000, grace: 500 }

/** Creates a drain that is ready until {@link Drain.begin} is called. */
export function createDrain({ watched, maxWait, grace }: DrainTimes = drainTimes): Drain {
  let draining = false
  let askedAt = -Infinity
  let told = () => {}
  return {
    isDraining: () => draining,
    isReady: () => {
      askedAt = performance.now()
      if (draining) told()
      return !draining
    },
    begin: async () => {
      draining = true
      if (performance.now() - askedAt > watched) return
      const answered = new Promise<void>((resolve) => {
        told = resolve
      })
      const over = new AbortController()
      await Promise.race([
        answered.then(async () => {
          await wait(grace)
        }),
        wait(maxWait, undefined, { signal: over.signal }).catch(() => {}),
      ])
      over.abort()
    },
  }
}
