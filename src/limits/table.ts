/** Allows `calls` in a window of `seconds`, which begins with the first call. */
export interface Quota {
  calls: number
  seconds: number
}

/**
 * Allows `free` calls, then one after each wait. The first wait takes `firstWait` seconds; each
 * further one twice as long, up to `maxWait`. The count is reset `seconds` after the first
 * call.
 */
export interface Backoff {
  free: number
  firstWait: number
  maxWait: number
  seconds: number
}

const hour = 3600
const day = 24 * hour

/**
 * Every limit, named "action-scope". A scope is a network (IPv6 by /64), an e-mail address with
 * or without an account, an account, or a device.
 *
 * Mails to an address are counted for each route: a caller who requests one kind cannot use up
 * the password resets of the owner. A single network cannot use up the limit of an address.
 * Sign-ups and password notices are mails too, because an account may have a stranger's
 * address. For mails, spellings of one mailbox (`ada+1@`) count as one. At sign-up each
 * spelling is an address, so the mailbox has a limit too. Notices to unverified accounts also
 * have one: their number grows by 20 an hour.
 *
 * Each device cookie of a call after the first counts by network, because it costs a signature
 * check.
 *
 * Links count by link: a thief with one link cannot use up the limit of the owner's link.
 * Writes and refreshes count by account, for each route or epoch. A change of the own name
 * delays the webhook of an earlier change by up to 10 s. So there are fewer in the window than
 * would delay it for the whole window. All admin routes count as one. New accounts and other
 * addresses send mails to the world, so they have a limit for each admin, one for all admins,
 * as an admin can create more admins, and one for each mailbox.
 *
 * Machine clients: a network counts for wrong secrets, and a client for its calls with a right
 * one. No count of wrong secrets is shared by networks: a stranger who knows the id of a client
 * cannot lock it out.
 *
 * Passwords: an attempt with the device token of the address counts for `device` and `devices`.
 * Other attempts, and attempts that those refuse, count for the other limits. An address gets
 * at most 99 attempts in a day that begins with the first failure: 62 by strangers and 37 by
 * devices. NIST SP 800-63B-4 §3.2.2 allows 100. An attacker who saves them for the end of one
 * day and continues in the next has at most 169 in some 24 hours (99 and 70). A single stranger
 * cannot use up the attempts of all strangers, nor a stolen device those of all devices.
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
  'name-account': { calls: 60, seconds: hour / 4 },
  'refresh-account': { calls: 60, seconds: 60 },
  'admin-account': { calls: 600, seconds: 60 },
  'admin-creations': { calls: 500, seconds: hour },
  'admin-creations-all': { calls: 2000, seconds: hour },
  'admin-mailbox': { calls: 20, seconds: hour },
  'docs-network': { calls: 100, seconds: 60 },
  'client-network': { calls: 1000, seconds: hour / 4 },
  'token-client': { calls: 600, seconds: 60 },
  'introspection-client': { calls: 60_000, seconds: 60 },
  'hash-network': { calls: 1000, seconds: hour / 4 },
  'password-network': { calls: 100, seconds: hour / 4 },
  'password-network-day': { calls: 1000, seconds: day },
  'device-network': { calls: 100, seconds: hour / 4 },
  'password-email-network': { free: 10, firstWait: 10, maxWait: 4 * hour, seconds: day },
  'password-email': { free: 30, firstWait: 10, maxWait: hour, seconds: day },
  'password-device': { free: 10, firstWait: 10, maxWait: 4 * hour, seconds: day },
  'password-devices': { free: 26, firstWait: 60, maxWait: day, seconds: day },
} as const satisfies Record<string, Quota | Backoff>

/** The name of a limit. */
export type LimitName = keyof typeof limits
