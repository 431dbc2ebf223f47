import { groups, type MailGroup, type MailRequest } from './kinds.js'

/** The max number of mails in the queue of one process, waiting or in delivery. */
export const maxMails = 1000

/** The places that are reserved for each group. The rest are first come, first served. */
export const reservedForGroup = 200

/** The places of one account, in addition to {@link maxFirstNotices}. */
export const maxOfAccount = 20

/**
 * The places of one account for the first notices of one kind to its addresses. An account has
 * at most 10 former addresses and a current one. Even with more addresses, an account gets 20 +
 * 6 × 12 places, and a group can take 600.
 */
export const maxFirstNotices = 12

/** The places of one kind of mail to one address: as many as the limits allow in an hour. */
export const maxOfKindToAddress = 5

/** A place in the queue, or the reason for the refusal, for the log. */
export type Place = { release: () => void } | { refusal: string }

/** The places in the mail queue. They bound every sender, whether RATE_LIMITS is on or off. */
export interface Shares {
  /**
   * Takes a place for a mail. The result depends only on the mails in the queue, so it does not
   * reveal whether an account exists.
   */
  take: (mail: MailRequest) => Place
}

/**
 * Divides the places by group, account, and address.
 *
 * A mail over the share of its address may be dropped: five mails of its kind are on their way
 * to that address. The first notice of a kind to an address has a separate share. Otherwise a
 * thief could fill the share of the account, and the owner would never learn that the address
 * was changed.
 */
export function createShares(): Shares {
  const inGroup: Record<MailGroup, number> = { reset: 0, verification: 0, notice: 0 }
  const counts = new Map<string, number>()
  const hasRoom = (group: MailGroup) => {
    if (inGroup[group] < reservedForGroup) return true
    const sizes = Object.values(inGroup)
    const shared = sizes.reduce((sum, size) => sum + Math.max(0, size - reservedForGroup), 0)
    return shared < maxMails - sizes.length * reservedForGroup
  }
  const isFull = (key: string, max: number) => (counts.get(key) ?? 0) >= max
  return {
    take: ({ kind, to, account }) => {
      const group = groups[kind]
      const ofAddress = `to ${to} ${kind}`
      const isFirstNotice = group === 'notice' && !counts.has(ofAddress)
      const ofAccount = isFirstNotice ? `first of ${account} ${kind}` : `of ${account}`
      if (!hasRoom(group)) return { refusal: 'too many mails are waiting' }
      if (isFull(ofAddress, maxOfKindToAddress))
        return { refusal: 'too many mails of this kind to this address are waiting' }
      if (
        account !== undefined &&
        isFull(ofAccount, isFirstNotice ? maxFirstNotices : maxOfAccount)
      )
        return { refusal: 'too many mails of this account are waiting' }
      const keys = account === undefined ? [ofAddress] : [ofAddress, ofAccount]
      const count = (change: 1 | -1) => {
        inGroup[group] += change
        for (const key of keys) add(counts, key, change)
      }
      count(1)
      return {
        release: () => {
          count(-1)
        },
      }
    },
  }
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
