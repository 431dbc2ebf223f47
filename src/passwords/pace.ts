/** Tells who has called lately, and how much of the working time each network has reserved. */
export interface Neighbours {
  /** Notes a call. Callers without a network (`''`), such as the operator, do not count. */
  see: (network: string) => void
  /** Whether another network has called in the last ten seconds. */
  hasOthers: (network: string) => boolean
  /** Milliseconds until a network has no others, if none calls again. */
  untilAlone: (network: string) => number
  /**
   * When the reservations of each network end: see {@link createPace}. Its hashes and its
   * estimates count together. A reservation that has ended is forgotten at the next charge.
   * Some tens of networks have one, however many call: all of them together reserve eight times
   * the time that passes, for the hashes and again for the estimates.
   */
  reservedUntil: Map<string, number>
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
  const untilAlone = (network: string) =>
    Math.max(0, (network === last.network ? previous : last).at + recentMilliseconds - now())
  return {
    see: (network) => {
      if (network === '') return
      if (network !== last.network) previous = last
      last = { network, at: now() }
    },
    hasOthers: (network) => untilAlone(network) > 0,
    untilAlone,
    reservedUntil: new Map(),
  }
}

/**
 * Limits how much of the working time one network gets while other networks call, also when the
 * rest of the time is idle: work of one network slows down whatever else runs on the cores.
 * What a network did not use lately, it may use at once. A network without neighbours is not
 * limited.
 */
export interface Pace {
  /** Whether a network with so much running work may begin more now. */
  allows: (network: string, running: number) => boolean
  /**
   * Milliseconds until a network with so much running work may begin more. Infinity if some of
   * the running work must end first.
   */
  rest: (network: string, running: number) => number
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

/** The part of the slots that one network gets at once beside others. It gets at least one slot. */
const atOnceShare = 1 / 4

/** The part of the working time that one network gets beside others in the long run. */
const lastingShare = 1 / 8

/**
 * How far ahead of its lasting share a network may be when it begins a hash or an estimate. It
 * is less for an estimate. So the hash of a sign-up need not rest after the estimate, which
 * would be lost with it.
 */
export const aheadMilliseconds = { hash: 2000, estimate: 1000 }

/**
 * Each piece of work reserves the time in which the lasting share would have done it. The
 * reservation may lie so far in the future that a group of people can log in at once: the
 * Generic Cell Rate Algorithm (ITU-T I.371).
 *
 * @param slots pieces of work that run at once
 * @param now gives milliseconds that never go back
 * @param aheadMost one of {@link aheadMilliseconds}
 */
export function createPace(
  slots: number,
  neighbours: Neighbours,
  now: () => number,
  aheadMost = aheadMilliseconds.hash,
): Pace {
  const lastingSlots = slots * lastingShare
  const slotsAtOnce = Math.max(1, Math.floor(slots * atOnceShare))
  const { reservedUntil } = neighbours
  const reserved = (network: string) => Math.max(0, (reservedUntil.get(network) ?? 0) - now())
  const rest = (network: string, running: number) => {
    if (!neighbours.hasOthers(network)) return 0
    if (running >= slotsAtOnce) return Infinity
    const rested = Math.max(0, reserved(network) - aheadMost)
    return Math.min(rested, neighbours.untilAlone(network))
  }
  return {
    allows: (network, running) => rest(network, running) === 0,
    rest,
    expectedWait: (network, ahead, milliseconds) =>
      neighbours.hasOthers(network)
        ? Math.max(
            (Math.max(0, ahead - slotsAtOnce + 1) / slotsAtOnce) * milliseconds,
            reserved(network) + (ahead / lastingSlots) * milliseconds - aheadMost,
          )
        : 0,
    charge: (network, begin) => {
      // Before it is forgotten: it may have ended during this work.
      const from = Math.max(begin, reservedUntil.get(network) ?? begin)
      for (const [name, end] of reservedUntil) if (end <= now()) reservedUntil.delete(name)
      if (!neighbours.hasOthers(network)) return
      reservedUntil.set(network, from + (now() - begin) / lastingSlots)
    },
  }
}
