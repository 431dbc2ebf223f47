import { Problem } from '../errors.js'

/**
 * How much is hashed at once, and how long anyone waits for it. `now` gives milliseconds that
 * never go back.
 */
export interface HashGateOptions {
  concurrency: number
  queueMilliseconds: number
  now: () => number
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
 * that asks for much waits for itself and not the others for it. A caller that cannot be served
 * in time is refused on arrival, before anything is done for it.
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

/** Work that waits for a permit. */
interface Waiting {
  begin: () => void
  network: string
}

/** One network: first turns that wait, places that were promised, and work that runs. */
interface Share {
  queue: Waiting[]
  promised: number
  running: number
}

/** Share of the newest piece of work in the moving average of what one takes. */
const newestShare = 1 / 8

/**
 * @param options concurrency is 1 or more; queueMilliseconds is how long a request may wait for
 *   its first turn, 0 for not at all
 */
export function createHashGate({ concurrency, queueMilliseconds, now }: HashGateOptions): HashGate {
  // In the order of their next turns.
  const shares = new Map<string, Share>()
  const later: Waiting[] = []
  const load = { inUse: 0, shed: 0 }
  let average: number | undefined

  const change = (network: string, act: (share: Share) => void) => {
    const share = shares.get(network) ?? { queue: [], promised: 0, running: 0 }
    shares.set(network, share)
    act(share)
    if (share.queue.length + share.promised + share.running === 0) shares.delete(network)
  }
  /**
   * Milliseconds until a newcomer of a network would begin: those of its own network go first,
   * and of each other network as many as turns come before its own.
   */
  const expectedWait = (network: string) => {
    const { queue, promised } = shares.get(network) ?? { queue: [], promised: 0 }
    const own = queue.length + promised
    let ahead = load.inUse + later.length + own
    for (const [name, other] of shares)
      if (name !== network) ahead += Math.min(other.queue.length + other.promised, own + 1)
    return ahead < concurrency ? 0 : ((ahead - concurrency + 1) / concurrency) * (average ?? 0)
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
          change(network, ({ queue }) => {
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
        change(network, ({ queue }) => {
          queue.push(waiting)
        })
      else later.push(waiting)
    })
  /**
   * The next to begin: of the networks that wait, the one with the least running work; of equal
   * ones the one whose turn is next.
   */
  const takeNext = (): Waiting | undefined => {
    if (later.length > 0) return later.shift()
    let [next, share]: [string, Share] | [] = []
    for (const [name, one] of shares)
      if (one.queue.length > 0 && (share === undefined || one.running < share.running))
        [next, share] = [name, one]
    if (next === undefined || share === undefined) return undefined
    // To the end of the round.
    shares.delete(next)
    shares.set(next, share)
    return share.queue.shift()
  }
  const hold = async <T>(work: () => Promise<T>, network: string): Promise<T> => {
    const begin = now()
    try {
      return await work()
    } finally {
      const took = now() - begin
      average = average === undefined ? took : average + (took - average) * newestShare
      const next = takeNext()
      // Only now: a network whose work has just ended yields to one that had none.
      change(network, (share) => {
        share.running--
      })
      if (next === undefined) load.inUse--
      else {
        change(next.network, (share) => {
          share.running++
        })
        next.begin()
      }
    }
  }

  const requireRoom = (network = '') => {
    if (expectedWait(network) > queueMilliseconds) throw refusal(network)
  }

  return {
    requireRoom,
    enter: async (signal, body, network = '') => {
      if (signal?.aborted) throw gone()
      requireRoom(network)
      let isFirst = true
      const use = () => {
        if (isFirst)
          change(network, (share) => {
            share.promised--
          })
        isFirst = false
      }
      change(network, (share) => {
        share.promised++
      })
      try {
        return await body(async (work) => {
          const wasFirst = isFirst
          use()
          if (signal?.aborted) throw gone()
          if (load.inUse < concurrency) {
            load.inUse++
            change(network, (share) => {
              share.running++
            })
          } else await wait(wasFirst, signal, network)
          return await hold(work, network)
        })
      } finally {
        use()
      }
    },
    load: () => ({
      ...load,
      waiting:
        later.length + [...shares.values()].reduce((sum, { queue }) => sum + queue.length, 0),
    }),
  }
}

// The client is gone; nobody receives this.
function gone(): Problem {
  return new Problem('overloaded')
}
