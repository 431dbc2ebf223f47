/** At most `calls` in `seconds`, which begin with the first. */
export interface Quota {
  calls: number
  seconds: number
}

/**
 * `free` calls, then one after each wait: `firstWait` seconds, twice as long each time,
 * `longestWait` at most. It starts anew `seconds` after the first call, whatever came since.
 */
export interface Backoff {
  free: number
  firstWait: number
  longestWait: number
  seconds: number
}

const hour = 3600
const day = 24 * hour

/**
 * Every limit, as "what-by whom": calls from one network (IPv6 by /64), about one e-mail
 * address, whether it has an account or not, by an account, or by a device.
 *
 * Mails to an address are counted for each route: who asks for one kind, which may not even be
 * sent, does not take the link to a new password from the owner. One network alone cannot use
 * up what an address has. An account may have the address of somebody else: sign-ups and
 * notices of changed passwords are mails to it as well. Spellings of one mailbox (`ada+1@`)
 * count as one for mails; at sign-up each is an address of its own, and the mailbox has a limit
 * beside. So it has for notices to accounts that have not verified it: their number grows by 20
 * an hour.
 *
 * Device cookies beyond the first of a call, each of which costs a look at a signature: by
 * network.
 *
 * Links: by the link, so that a thief with one link cannot use up what the owner's link has.
 * Writes, refreshes: by account, for each route or epoch.
 *
 * Passwords: an attempt with the device token of the address counts for `device` and `devices`,
 * any other, and one that those refuse, for the rest. At one address there are at most 99 in a
 * day that begins with the first failure, fewer than the 100 of NIST SP 800-63B-4 §3.2.2: 62 by
 * strangers and 37 by devices. Who saves them for its end and goes on in the next has at most
 * 169 in some 24 hours (99 and 70). One stranger cannot use up what is free to all strangers,
 * and one stolen device not what is free to all devices.
 */
export const limits = {
  'mail-network': { calls: 30, seconds: hour },
  'mail-email-network': { calls: 3, seconds: hour },
  'mail-email': { calls: 5, seconds: hour },
  'signup-network': { calls: 100, seconds: hour },
  'signup-email-network': { calls: 3, seconds: hour },
  'signup-email': { calls: 5, seconds: hour },
  'signup-mailbox': { calls: 20, seconds: hour },
  'notice-account': { calls: 5, seconds: hour },
  'notice-mailbox': { calls: 20, seconds: hour },
  'link-network': { calls: 60, seconds: hour / 4 },
  'link-use': { calls: 60, seconds: hour / 4 },
  'link-password': { calls: 10, seconds: 8 * day },
  account: { calls: 60, seconds: 60 },
  'refresh-account': { calls: 60, seconds: 60 },
  'docs-network': { calls: 100, seconds: 60 },
  'hash-network': { calls: 1000, seconds: hour / 4 },
  'password-network': { calls: 100, seconds: hour / 4 },
  'password-network-day': { calls: 1000, seconds: day },
  'device-network': { calls: 100, seconds: hour / 4 },
  'password-email-network': { free: 10, firstWait: 10, longestWait: 4 * hour, seconds: day },
  'password-email': { free: 30, firstWait: 10, longestWait: hour, seconds: day },
  'password-device': { free: 10, firstWait: 10, longestWait: 4 * hour, seconds: day },
  'password-devices': { free: 26, firstWait: 60, longestWait: day, seconds: day },
} as const satisfies Record<string, Quota | Backoff>

/** The name of a limit. */
export type LimitName = keyof typeof limits
