import { Problem } from '../errors.js'

/** Who waits: the network of the caller, and a signal that aborts when the client has hung up. */
export interface Waiter {
  network: string
  signal?: AbortSignal | null
}

/**
 * Runs one piece of work at a time. Networks take turns, so a network that asks for much does
 * not delay the others.
 */
export interface FairQueue {
  /**
   * Runs the work when it is the turn of the network. A client that hangs up frees its place.
   * Work that runs continues.
   *
   * @throws Problem `overloaded` if no place is free. A place is taken back later if another
   *   network with fewer places needs it.
   */
  run: <T>(waiter: Waiter, work: () => Promise<T>) => Promise<T>
}

interface Place {
  begin: () => void
  refuse: () => void
}

/** @param places how much work can wait at once, 1 or more */
export function createFairQueue(places: number): FairQueue {
  // The network whose turn is next comes first.
  const queues = new Map<string, Place[]>()
  let waiting = 0
  let isBusy = false

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
      const hangUp = () => {
        leave(network, place)
        reject(new Problem('overloaded'))
      }
      const stop = () => {
        signal?.removeEventListener('abort', hangUp)
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
      signal?.addEventListener('abort', hangUp, { once: true })
      const queue = queues.get(network)
      if (queue === undefined) queues.set(network, [place])
      else queue.push(place)
      waiting++
    })
  const beginNext = () => {
    const [next] = queues
    if (next === undefined) {
      isBusy = false
      return
    }
    const [network, queue] = next
    const [place] = queue as [Place]
    leave(network, place)
    // To the end of the round.
    if (queues.delete(network)) queues.set(network, queue)
    place.begin()
  }

  return {
    run: async (waiter, work) => {
      if (waiter.signal?.aborted) throw new Problem('overloaded')
      if (isBusy) {
        if (waiting >= places) makeRoom(waiter.network)
        await wait(waiter)
      }
      isBusy = true
      try {
        return await work()
      } finally {
        beginNext()
      }
    },
  }
}
