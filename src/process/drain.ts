import { setTimeout as wait } from 'node:timers/promises'

/**
 * How a server that is about to end lets go of its callers: whoever watches its readiness is
 * told before it stops taking connections.
 */
export interface Drain {
  /** Whether the server is about to end. */
  isDraining: () => boolean
  /** Somebody asks whether requests should be sent here. Answers that. */
  isReady: () => boolean
  /**
   * Begins the end. Resolves as soon as nothing speaks against closing: at once where nobody
   * watches, otherwise when the next question has been answered and what was sent before has
   * arrived.
   */
  begin: () => Promise<void>
}

/**
 * In milliseconds: `watched`, how long after a question somebody is still taken to be watching;
 * `patience`, the longest wait for the next question; `grace`, how long requests may still come
 * after the answer.
 */
export interface DrainTimes {
  watched: number
  patience: number
  grace: number
}

/**
 * The times of the product: probes come every few seconds, and a balancer needs a moment to act
 * on one.
 */
export const drainTimes: DrainTimes = { watched: 15_000, patience: 2000, grace: 500 }

/** A server that is ready until {@link Drain.begin}, and never again after it. */
export function createDrain({ watched, patience, grace }: DrainTimes = drainTimes): Drain {
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
        wait(patience, undefined, { signal: over.signal }).catch(() => {}),
      ])
      over.abort()
    },
  }
}
