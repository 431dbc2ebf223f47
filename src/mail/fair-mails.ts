/** A round-robin queue: a burst from one sender does not delay the mails of others. */
export interface FairMails<T> {
  add: (mail: T) => void
  /** Removes and returns the next mail; undefined if the queue is empty. */
  next: () => T | undefined
  clear: () => void
  size: () => number
}

/**
 * Creates a queue of mails. A lane is an account or an address; in each turn it sends its
 * oldest mail. New mails and mails to retry have separate rings, which alternate. So neither a
 * hanging server nor a flood of new mails makes the other kind wait.
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
      // A Map keeps the insertion order: the lane moves to the end of the ring.
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
