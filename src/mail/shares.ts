import { groups, type MailGroup, type MailRequest } from './kinds.js'

/** Mails that wait or are being sent at once, in one process. */
export const maxMails = 1000

/** Of these places, each group has this many for itself. The rest go to the first that come. */
export const keptForGroup = 200

/** The places of one account, in addition to {@link maxFirstNotices}. */
export const maxOfAccount = 20

/**
 * The places of one account for the first notices of one kind to its addresses. It has at most
 * 10 former addresses and a present one. Even with more addresses, an account gets 20 + 6 × 12
 * places, and a group can take 600.
 */
export const maxFirstNotices = 12

/** The places of one kind of mail to one address: as many as the limits allow in an hour. */
export const maxOfKindToAddress = 5

/** A place in the queue, or the reason why there is none, for the log. */
export type Place = { release: () => void } | { refusal: string }

/** The places in the queue of mails. They bound every sender, whether RATE_LIMITS is on or off. */
export interface Shares {
  /**
   * Takes a place for a mail. Depends on nothing but the mails that have a place, so an account
   * leaves no trace here.
   */
  take: (mail: MailRequest) => Place
}

/**
 * Divides the places by group, account, and address.
 *
 * A mail over the share of its address may be lost: five of its kind are on their way to that
 * address. The first notice of its kind to an address has a share of its own. Otherwise a thief
 * could fill the share of the account with other mails, so that the owner never learns that the
 * address was changed.
 */
export function createShares(): Shares {
  const inGroup: Record<MailGroup, number> = { reset: 0, verification: 0, notice: 0 }
  const counts = new Map<string, number>()
  const hasRoom = (group: MailGroup) => {
    if (inGroup[group] < keptForGroup) return true
    const sizes = Object.values(inGroup)
    const shared = sizes.reduce((sum, size) => sum + Math.max(0, size - keptForGroup), 0)
    return shared < maxMails - sizes.length * keptForGroup
  }
  const isFull = (key: string, max: number) => (counts.get(key) ?? 0) >= max
  return {
    take: ({ kind, to, account }) => {
      const group = groups[kind]
      const ofAddress = `to ${to} ${kind}`
      const isFirstNotice = group === 'notice' && !counts.has(ofAddress)
      const ofAccount = isFirstNotice ? `first of ${account} ${kind}` : `of ${account}`
      if (!hasRoom(group)) return { refusal: 'too many are waiting' }
      if (isFull(ofAddress, maxOfKindToAddress))
        return { refusal: 'too many of its kind to its address are waiting' }
      if (
        account !== undefined &&
        isFull(ofAccount, isFirstNotice ? maxFirstNotices : maxOfAccount)
      )
        return { refusal: 'too many of its account are waiting' }
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
