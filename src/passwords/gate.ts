import { Problem } from '../errors.js'

/** How much is hashed at once, and how long anyone waits for it. `now` gives milliseconds that never go back. */
export interface HashGateOptions { concurrency: number, queueMilliseconds: number, now: () => number }

/** What goes on at a gate: hashes that run, those that wait for one of them to end, and how many requests have been refused so far. */
export interface HashLoad { inUse: number, waiting: number, shed: number }

/** Does a piece of hashing as soon as there is a permit for it. The permit comes back when the work has really ended, whether or not anybody still waits for it. */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Bounds what is hashed at once. Whoever cannot be served in time is refused on arrival, before anything is done for him; whoever came in is not refused for those behind him.
 */
export interface HashGate {
  /** Whether somebody who comes now would be served. Says no by throwing what {@link HashGate.enter} throws, which costs least where nothing has been done for the request yet. */
  requireRoom: () => void
  /**
   * Takes a request in and keeps a place for it until its first turn. Later turns of the same request go before the first ones of others, so that no work is lost half-way.
   * @param signal aborts when the client has hung up, which frees its place; work that runs goes on
   * @throws Problem `overloaded`, with the seconds until there should be room: on arrival where the wait would be too long, or when it has become so
   */
  enter: <T>(signal: AbortSignal | null, body: (turn: Turn) => Promise<T>) => Promise<T>
  load: () => HashLoad
}

interface Waiting { begin: () => void, isFirst: boolean }

/** Share of the newest piece of work in the moving average of what one takes. */
const newestShare = 1 / 8

/** @param options concurrency is 1 or more; queueMilliseconds is how long a request may wait for its first turn, 0 for not at all */
export function createHashGate ({ concurrency, queueMilliseconds, now }: HashGateOptions): HashGate {
  const queue: Waiting[] = []
  const load = { inUse: 0, shed: 0 }
  let promised = 0
  let average: number | undefined

  /** Milliseconds until a newcomer would begin. */
  const expectedWait = () => {
    const ahead = load.inUse + promised + queue.length
    return ahead < concurrency ? 0 : (ahead - concurrency + 1) / concurrency * (average ?? 0)
  }
  const refusal = () => {
    load.shed++
    return new Problem('overloaded', { waitSeconds: Math.max(1, Math.ceil(expectedWait() / 1000)) })
  }
  const wait = async (isFirst: boolean, signal: AbortSignal | null) => await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', hangUp)
    }
    const leave = (problem: () => Problem) => {
      queue.splice(queue.indexOf(waiting), 1)
      stop()
      reject(problem())
    }
    const hangUp = () => { leave(gone) }
    // The expected wait can be wrong. Those who go on wait for a hash or two, and their work must not be lost.
    const timer = isFirst ? setTimeout(() => { leave(refusal) }, queueMilliseconds) : undefined
    const waiting = { isFirst, begin: () => { stop(); resolve() } }
    signal?.addEventListener('abort', hangUp)
    if (isFirst) queue.push(waiting)
    else queue.splice(queue.findIndex((other) => other.isFirst) >>> 0, 0, waiting)
  })
  const hold = async <T>(work: () => Promise<T>): Promise<T> => {
    const begin = now()
    try {
      return await work()
    } finally {
      const took = now() - begin
      average = average === undefined ? took : average + (took - average) * newestShare
      const next = queue.shift()
      if (next === undefined) load.inUse--
      else next.begin()
    }
  }

  const requireRoom = () => {
    if (expectedWait() > queueMilliseconds) throw refusal()
  }

  return {
    requireRoom,
    enter: async (signal, body) => {
      if (signal?.aborted) throw gone()
      requireRoom()
      let isFirst = true
      const use = () => {
        if (isFirst) promised--
        isFirst = false
      }
      promised++
      try {
        return await body(async (work) => {
          const wasFirst = isFirst
          use()
          if (signal?.aborted) throw gone()
          if (load.inUse < concurrency) load.inUse++
          else await wait(wasFirst, signal)
          return await hold(work)
        })
      } finally {
        use()
      }
    },
    load: () => ({ ...load, waiting: queue.length })
  }
}

// Nobody reads this answer. It is the one that those get who wait in vain.
function gone (): Problem {
  return new Problem('overloaded')
}
