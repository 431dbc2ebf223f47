/** Tells whether a network has the server to itself. */
export interface Neighbours {
  /** Notes a call. Callers without a network (`''`), such as the operator, do not count. */
  see: (network: string) => void
  /** Whether another network has called in the last ten seconds. */
  hasOthers: (network: string) => boolean
}

const recentMilliseconds = 10_000

/**
 * Remembers two networks only, however many call.
 *
 * @param now gives milliseconds that never go back
 */
export function createNeighbours(now: () => number): Neighbours {
  // Two are enough: one of the last two different networks is not the network that is asked about.
  let last = { network: '', at: -Infinity }
  let previous = last
  return {
    see: (network) => {
      if (network === '') return
      if (network !== last.network) previous = last
      last = { network, at: now() }
    },
    hasOthers: (network) =>
      now() - (network === last.network ? previous : last).at <= recentMilliseconds,
  }
}

/**
 * Limits how much of the working time one network gets while other networks call, also when the
 * rest of the time is idle: work of one network slows down whatever else runs on the cores. A
 * network without neighbours is not limited.
 */
export interface Pace {
  /** Whether a network with so much running work may begin more now. */
  allows: (network: string, running: number) => boolean
  /** Milliseconds until a network has waited long enough after its previous work. */
  rest: (network: string) => number
  /**
   * Milliseconds until a newcomer may begin.
   *
   * @param ahead work of the same network that runs or waits
   * @param milliseconds that one piece of work takes
   */
  expectedWait: (network: string, ahead: number, milliseconds: number) => number
  /** Charges a network for work that began at a time and ends now. */
  charge: (network: string, begin: number) => void
}

/** The part of the working time that one network gets beside others. */
const share = 1 / 4

/**
 * Gives a network its share of the slots, rounded down. A network whose share is less than one
 * slot has one, and rests after its work: each piece reserves more time than it takes.
 *
 * @param slots pieces of work that run at once
 */
export function createPace(slots: number, neighbours: Neighbours, now: () => number): Pace {
  const own = slots * share
  const most = Math.max(1, Math.floor(own))
  const reserved = new Map<string, number>()
  const rest = (network: string) =>
    neighbours.hasOthers(network) ? Math.max(0, (reserved.get(network) ?? 0) - now()) : 0
  return {
    allows: (network, running) =>
      !neighbours.hasOthers(network) || (running < most && rest(network) === 0),
    rest,
    expectedWait: (network, ahead, milliseconds) =>
      neighbours.hasOthers(network)
        ? rest(network) + (Math.max(0, ahead - most + 1) / Math.min(own, most)) * milliseconds
        : 0,
    charge: (network, begin) => {
      const from = Math.max(begin, reserved.get(network) ?? begin)
      for (const [name, end] of reserved) if (end <= now()) reserved.delete(name)
      if (own < 1 && neighbours.hasOthers(network))
        reserved.set(network, from + (now() - begin) / own)
    },
  }
}
