/** A queue that takes turns, so that a burst from one sender does not delay the mails of others. */
export interface FairMails<T> {
  add: (mail: T) => void
  /** Removes and returns the mail whose turn it is; undefined if the queue is empty. */
  next: () => T | undefined
  clear: () => void
  size: () => number
}

/**
 * Creates a queue of mails. Each lane, an account or an address, sends one mail a turn, its
 * oldest. Mails that failed before have a ring of their own, and the two rings alternate. So a
 * hanging server does not keep new mails waiting behind failed ones, and a flood of new mails
 * does not keep failed ones waiting.
 */
export function createFairMails<T extends { lane: string; tries: number }>(): FairMails<T> {
  const fresh = new Map<string, T[]>()
  const failed = new Map<string, T[]>()
  let size = 0
  let isTurnOfFailed = false
  return {
    add: (mail) => {
      const ring = mail.tries === 0 ? fresh : failed
      const lane = ring.get(mail.lane)
      if (lane === undefined) ring.set(mail.lane, [mail])
      else lane.push(mail)
      size++
    },
    next: () => {
      const ring = failed.size > 0 && (isTurnOfFailed || fresh.size === 0) ? failed : fresh
      isTurnOfFailed = ring === fresh
      const [first] = ring
      if (first === undefined) return undefined
      const [name, lane] = first
      const mail = lane.shift()
      // A Map keeps the order of insertion: the lane goes to the end of the ring.
      ring.delete(name)
      if (lane.length > 0) ring.set(name, lane)
      size--
      return mail
    },
    clear: () => {
      fresh.clear()
      failed.clear()
      size = 0
    },
    size: () => size,
  }
}
