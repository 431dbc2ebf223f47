import { Problem } from '../errors.js'
import { aheadMilliseconds, createPace, type Neighbours } from './pace.js'

/** A caller that waits: its network, and a signal that aborts when the client has hung up. */
export interface Waiter {
  network: string
  signal?: AbortSignal | null
}

/**
 * Runs one piece of work at a time. Networks take turns, so a network that asks for much does
 * not delay the others. While others call, it also rests between its pieces of work, as
 * {@link createPace} says.
 */
export interface FairQueue {
  /**
   * Runs the work when it is the turn of the network. A client that hangs up frees its place.
   * Work that runs continues.
   *
   * @throws Problem `overloaded` if no place is free. A place is taken back later if another
   *   network with fewer places needs it, or after half a minute.
   */
  run: <T>(waiter: Waiter, work: () => Promise<T>) => Promise<T>
}

/** By then most clients have given up. A network that rests again and again reaches it. */
const longestWaitMilliseconds = 30_000

interface Place {
  begin: () => void
  refuse: () => void
}

/**
 * @param places how much work can wait at once, 1 or more
 * @param now gives milliseconds that never go back
 * @param prepare runs before each piece of work; the network does not rest for it
 */
export function createFairQueue(
  places: number,
  neighbours: Neighbours,
  now: () => number,
  prepare = async (): Promise<void> => {},
): FairQueue {
  const pace = createPace(1, neighbours, now, aheadMilliseconds.estimate)
  // The network whose turn is next comes first.
  const queues = new Map<string, Place[]>()
  let waiting = 0
  let isBusy = false
  let alarm: NodeJS.Timeout | undefined

  const leave = (network: string, place: Place) => {
    const queue = queues.get(network) as Place[]
    queue.splice(queue.indexOf(place), 1)
    if (queue.length === 0) queues.delete(network)
    waiting--
  }
  /**
   * Frees a place for a network that would still have fewer places than the network that loses
   * one.
   */
  const makeRoom = (network: string) => {
    const [longest, queue] = [...queues].reduce((most, one) =>
      one[1].length > most[1].length ? one : most,
    )
    const newest = queue.at(-1) as Place
    if (queue.length <= (queues.get(network)?.length ?? 0) + 1) throw new Problem('overloaded')
    leave(longest, newest)
    newest.refuse()
  }
  const wait = async ({ network, signal }: Waiter) =>
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        leave(network, place)
        place.refuse()
      }
      const timer = setTimeout(giveUp, longestWaitMilliseconds)
      const stop = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
      }
      const place = {
        begin: () => {
          stop()
          resolve()
        },
        refuse: () => {
          stop()
          reject(new Problem('overloaded'))
        },
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      const queue = queues.get(network)
      if (queue === undefined) queues.set(network, [place])
      else queue.push(place)
      waiting++
      beginNext()
    })
  const mayBegin = (network: string) => !isBusy && !queues.has(network) && pace.allows(network, 0)
  const beginNext = () => {
    clearTimeout(alarm)
    if (isBusy || queues.size === 0) return
    const next = [...queues].find(([network]) => pace.allows(network, 0))
    if (next === undefined) {
      const rest = Math.min(...[...queues.keys()].map((network) => pace.rest(network, 0)))
      alarm = setTimeout(beginNext, Math.ceil(rest)).unref()
      return
    }
    isBusy = true
    const [network, queue] = next
    const [place] = queue as [Place]
    leave(network, place)
    // To the end of the round.
    if (queues.delete(network)) queues.set(network, queue)
    place.begin()
  }

  const charged = async <T>(network: string, work: () => Promise<T>) => {
    const begin = now()
    try {
      return await work()
    } finally {
      pace.charge(network, begin)
    }
  }

  return {
    run: async (waiter, work) => {
      if (waiter.signal?.aborted) throw new Problem('overloaded')
      neighbours.see(waiter.network)
      if (mayBegin(waiter.network)) isBusy = true
      else {
        if (waiting >= places) makeRoom(waiter.network)
        await wait(waiter)
      }
      try {
        await prepare()
        return await charged(waiter.network, work)
      } finally {
        isBusy = false
        beginNext()
      }
    },
  }
}
