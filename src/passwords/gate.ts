import { Problem } from '../errors.js'
import { createNeighbours, createPace, type Neighbours } from './pace.js'
import { createRound, type Waiting } from './round.js'

/**
 * How much is hashed at once, and how long anyone waits for it. `now` gives milliseconds that
 * never go back. `neighbours` can be shared with other work that networks ask for.
 */
export interface HashGateOptions {
  concurrency: number
  queueMilliseconds: number
  now: () => number
  neighbours?: Neighbours
}

/**
 * What goes on at a gate: hashes that run, those that wait for one of them to end, and how many
 * requests have been refused so far.
 */
export interface HashLoad {
  inUse: number
  waiting: number
  shed: number
}

/**
 * Does a piece of hashing as soon as there is a permit for it. The permit comes back when the
 * work has really ended, whether or not anybody still waits for it.
 */
export type Turn = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Bounds what is hashed at once, and shares it fairly: networks take turns, so that a network
 * that asks for much waits for itself and not the others for it. While other networks call, one
 * network gets a part of the time only, as {@link createPace} says. A caller that cannot be
 * served in time is refused on arrival, before anything is done for it.
 */
export interface HashGate {
  /**
   * Throws what {@link HashGate.enter} throws if a caller that comes now would not be served. It
   * costs least where nothing has been done for the request yet.
   *
   * @param network of the caller
   */
  requireRoom: (network?: string) => void
  /**
   * Takes a request in and keeps a place for it until its first turn. Later turns of the same
   * request go before the first ones of others, so that no work is lost half-way.
   *
   * @param signal aborts when the client has hung up, which frees its place; work that runs
   *   continues
   * @param network of the caller; callers without one share a turn
   * @throws Problem `overloaded`, with the seconds until there should be room: on arrival where
   *   the wait would be too long, or when it has become so
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

/**
 * @param options concurrency is 1 or more; queueMilliseconds is how long a request may wait for
 *   its first turn, 0 for not at all
 */
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
    // Networks that only rest are not woken by work that ends.
    clearTimeout(alarm)
    const rests = round
      .waiting()
      .map(pace.rest)
      .filter((rest) => rest > 0)
    if (rests.length > 0)
      alarm = setTimeout(beginWaiting, Math.ceil(Math.min(...rests)), undefined).unref()
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

// The client is gone; nobody receives this.
function gone(): Problem {
  return new Problem('overloaded')
}
