import { Problem } from '../errors.js'
import { createNeighbours, createPace, type Neighbours } from './pace.js'
import { createRound, type Waiting } from './round.js'

/** The bounds of a hash gate. */
export interface HashGateOptions {
  /** How many hashes run at once, 1 or more. */
  concurrency: number
  /** How long a request may wait for its first turn, 0 for no wait. */
  queueMilliseconds: number
  /** Returns milliseconds that never go back. */
  now: () => number
  /** Can be shared with other work of the same callers. */
  neighbours?: Neighbours
}

/** The load of a hash gate: running hashes, waiting hashes, and requests refused so far. */
export interface HashLoad {
  inUse: number
  waiting: number
  shed: number
}

/**
 * Runs a hash as soon as a permit is free. The permit is returned when the work has ended, also
 * if the client has hung up meanwhile.
 */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Bounds concurrent hashes, and shares them fairly. Networks take turns, so a busy network
 * waits for itself and does not delay the others. While other networks call, one network gets
 * only a part of the time: see {@link createPace}. A caller that cannot be served in time is
 * refused on arrival, before any work.
 */
export interface HashGate {
  /**
   * Refuses a caller that would not be served in time. Call it before any work for the request.
   *
   * @param network of the caller
   * @throws Problem `overloaded`, with the seconds to wait
   */
  requireRoom: (network?: string) => void
  /**
   * Admits a request and keeps a place for it until its first turn. Later turns of the request
   * come before first turns of others, so that no work is lost half-way.
   *
   * @param signal aborts when the client has hung up, which frees its place; running work
   *   continues
   * @param network of the caller; callers without one share a turn
   * @throws Problem `overloaded` with the seconds to wait, on arrival or when the wait has
   *   become too long
   */
  enter: <T>(
    signal: AbortSignal | null,
    body: (turn: Turn) => Promise<T>,
    network?: string,
  ) => Promise<T>
  load: () => HashLoad
}

/** Share of the newest piece of work in the moving average of what one takes. */
const newestShare = 1 / 8

/** Creates a gate without load. */
export function createHashGate({
  concurrency,
  queueMilliseconds,
  now,
  neighbours = createNeighbours(now),
}: HashGateOptions): HashGate {
  const pace = createPace(concurrency, neighbours, now)
  const round = createRound()
  const later: Waiting[] = []
  const load = { inUse: 0, shed: 0 }
  let average: number | undefined
  let alarm: NodeJS.Timeout | undefined

  /** Milliseconds until a newcomer of a network would begin. */
  const expectedWait = (network: string) => {
    const { queue, promised, running } = round.get(network)
    const ahead = load.inUse + later.length + round.turnsBefore(network)
    const took = average ?? 0
    return Math.max(
      (Math.max(0, ahead - concurrency + 1) / concurrency) * took,
      pace.expectedWait(network, queue.length + promised + running, took),
    )
  }
  const refusal = (network: string) => {
    load.shed++
    return new Problem('overloaded', {
      waitSeconds: Math.max(1, Math.ceil(expectedWait(network) / 1000)),
    })
  }
  const wait = async (isFirst: boolean, signal: AbortSignal | null, network: string) =>
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', hangUp)
      }
      const leave = (problem: () => Problem) => {
        if (isFirst)
          round.change(network, ({ queue }) => {
            queue.splice(queue.indexOf(waiting), 1)
          })
        else later.splice(later.indexOf(waiting), 1)
        stop()
        reject(problem())
      }
      const hangUp = () => {
        leave(gone)
      }
      // The expected wait can be wrong. A later turn waits for a hash or two, and its work must not
      // be lost.
      const timer = isFirst
        ? setTimeout(() => {
            leave(() => refusal(network))
          }, queueMilliseconds)
        : undefined
      const waiting = {
        network,
        begin: () => {
          stop()
          resolve()
        },
      }
      signal?.addEventListener('abort', hangUp)
      if (isFirst)
        round.change(network, ({ queue }) => {
          queue.push(waiting)
        })
      else later.push(waiting)
      beginWaiting()
    })
  const begin = (network: string) => {
    load.inUse++
    round.change(network, (share) => {
      share.running++
    })
  }
  /**
   * Whether work may begin before all that waits. While a permit is free, the pace holds that
   * back.
   */
  const mayBegin = (network: string, isFirst: boolean) => {
    const { queue, running } = round.get(network)
    if (load.inUse >= concurrency) return false
    return !isFirst || (queue.length === 0 && pace.allows(network, running))
  }
  /** Begins all work that waits and may begin. */
  const beginWaiting = (ended?: string) => {
    while (load.inUse < concurrency) {
      const next = later.shift() ?? round.takeNext(pace.allows, ended)
      if (next === undefined) break
      begin(next.network)
      next.begin()
    }
    clearTimeout(alarm)
    if (load.inUse === concurrency) return
    // A permit is free, so each network that waits either rests, or waits for its own work to end,
    // which begins more anyway. Nothing else would wake a network that rests.
    const rest = Math.min(
      ...round.waiting().map((network) => pace.rest(network, round.get(network).running)),
    )
    if (rest < Infinity) alarm = setTimeout(beginWaiting, Math.ceil(rest), undefined).unref()
  }
  const hold = async <T>(work: () => Promise<T>, network: string): Promise<T> => {
    const begun = now()
    try {
      return await work()
    } finally {
      const took = now() - begun
      average = average === undefined ? took : average + (took - average) * newestShare
      pace.charge(network, begun)
      load.inUse--
      round.change(network, (share) => {
        share.running--
      })
      beginWaiting(network)
    }
  }

  const requireRoom = (network = '') => {
    if (expectedWait(network) > queueMilliseconds) throw refusal(network)
  }

  return {
    requireRoom,
    enter: async (signal, body, network = '') => {
      if (signal?.aborted) throw gone()
      neighbours.see(network)
      requireRoom(network)
      let isFirst = true
      const use = () => {
        if (isFirst)
          round.change(network, (share) => {
            share.promised--
          })
        isFirst = false
      }
      round.change(network, (share) => {
        share.promised++
      })
      try {
        return await body(async (work) => {
          const wasFirst = isFirst
          use()
          if (signal?.aborted) throw gone()
          if (mayBegin(network, wasFirst)) begin(network)
          else await wait(wasFirst, signal, network)
          return await hold(work, network)
        })
      } finally {
        use()
      }
    },
    load: () => ({
      ...load,
      waiting:
        later.length + round.waiting().reduce((sum, name) => sum + round.get(name).queue.length, 0),
    }),
  }
}

// The client has hung up and does not receive this.
function gone(): Problem {
  return new Problem('overloaded')
}
