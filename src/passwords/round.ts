/** Work that waits for a permit. */
export interface Waiting {
  begin: () => void
  network: string
}

/** One network: first turns that wait, places that were promised, and work that runs. */
export interface Share {
  queue: Waiting[]
  promised: number
  running: number
}

/** The networks that use a gate, in the order of their next turns. */
export interface Round {
  /** The share of a network, empty if it uses nothing. */
  get: (network: string) => Readonly<Share>
  /** Changes the share of a network. Forgets the network if nothing is left. */
  change: (network: string, act: (share: Share) => void) => void
  /**
   * Removes the work that is next: of the networks that wait and may begin, the one with the
   * least running work. Among equal networks the one whose turn is next.
   *
   * @param allows whether a network with so much running work may begin
   * @param ended the network whose work has just ended; it yields to an equal one
   */
  takeNext: (
    allows: (network: string, running: number) => boolean,
    ended?: string,
  ) => Waiting | undefined
  /**
   * How many first turns come before a newcomer of a network: all of its own network, and of
   * each other network as many as turns come before its own.
   */
  turnsBefore: (network: string) => number
  /** The networks that wait. */
  waiting: () => string[]
}

/** Starts without networks. */
export function createRound(): Round {
  const shares = new Map<string, Share>()
  const get = (network: string) => shares.get(network) ?? { queue: [], promised: 0, running: 0 }
  return {
    get,
    change: (network, act) => {
      const share = get(network)
      shares.set(network, share)
      act(share)
      if (share.queue.length + share.promised + share.running === 0) shares.delete(network)
    },
    takeNext: (allows, ended) => {
      let next: { name: string; share: Share; running: number } | undefined
      for (const [name, share] of shares) {
        const running = share.running + (name === ended ? 1 : 0)
        if (
          share.queue.length > 0 &&
          allows(name, share.running) &&
          (next === undefined || running < next.running)
        )
          next = { name, share, running }
      }
      if (next === undefined) return undefined
      // To the end of the round.
      shares.delete(next.name)
      shares.set(next.name, next.share)
      return next.share.queue.shift()
    },
    turnsBefore: (network) => {
      const places = ({ queue, promised }: Share) => queue.length + promised
      const own = places(get(network))
      return [...shares].reduce(
        (sum, [name, other]) => sum + (name === network ? 0 : Math.min(places(other), own + 1)),
        own,
      )
    },
    waiting: () => [...shares].filter(([, { queue }]) => queue.length > 0).map(([name]) => name),
  }
}
