import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalEmail, mailboxOf } from '../account/email-address.js'
import type { Counted, Limiters } from './limiters.js'
import { callerNetwork } from './network.js'

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

/** Counts a call of a route that has no config of its own. Throws Problem `rate_limited`. */
export type CountCall = (request: FastifyRequest) => Promise<void>

/** A limit, and for whom a call counts. */
type Count = [limit: LimitName, whose: string]

/** The counts of a route, in the order in which they are asked. */
interface RouteCounts {
  /** Counts that each call uses up, whatever becomes of it. */
  kept?: (request: FastifyRequest) => Count[]
  /** Counts that a refused call gives back. */
  returned?: (request: FastifyRequest, path: string) => Count[]
}

/**
 * What a route can name in its config: the limits of each of its calls. `mailed-signup` is that
 * of `SIGNUP_MODE=verify_first`.
 */
const routeLimits = {
  mail: {
    kept: byNetwork('mail-network'),
    returned: (request, path) => mailCounts('mail', request, path, mailboxOf),
  },
  signup: {
    kept: byNetwork('signup-network'),
    returned: (request, path) => [...mailCounts('signup', request, path), ...mailboxCount(request)],
  },
  'mailed-signup': {
    kept: byNetwork('mail-network'),
    returned: (request, path) => [...mailCounts('mail', request, path), ...mailboxCount(request)],
  },
  notice: { returned: ({ user }) => [['notice-account', user.sub]] },
  link: { kept: byNetwork('link-network') },
  docs: { kept: byNetwork('docs-network') },
  account: {
    kept: ({ user, routeOptions }) => [
      ['account', `${String(routeOptions.method)} ${routeOptions.url} ${user.sub}`],
    ],
  },
} as const satisfies Record<string, RouteCounts>

/** The name of a set of limits that a route can have. */
export type RouteLimit = keyof typeof routeLimits

/**
 * Puts the limits before the routes whose config names them. They are asked before anything is
 * looked up, and are the same for every account and for none.
 */
export function addLimits(app: FastifyInstance, limiters: Limiters): void {
  const taken = new WeakMap<FastifyRequest, Counted[]>()
  app.addHook('onRoute', (route) => {
    const name = route.config?.limit
    if (name === undefined) return
    const { kept, returned }: RouteCounts = routeLimits[name]
    const take = async (request: FastifyRequest) => {
      const counted: Counted[] = []
      taken.set(request, counted)
      for (const [limit, whose] of kept?.(request) ?? []) await limiters[limit].take(whose)
      for (const [limit, whose] of returned?.(request, route.url) ?? [])
        counted.push(await limiters[limit].take(whose))
    }
    // After the guard and what it says of requests that do not fit, which are hooks of the whole
    // application.
    route.preHandler = [route.preHandler ?? [], take].flat()
    const giveBack = async (
      request: FastifyRequest,
      _reply: unknown,
      error: Error & { code?: string },
    ) => {
      // A request that was refused sends no mail. An address that is taken counts like one that is
      // free.
      if (error.code !== 'email_taken')
        await Promise.all(
          taken.get(request)?.map(async ({ undo }) => {
            await undo()
          }) ?? [],
        )
    }
    route.onError = [route.onError ?? [], giveBack].flat()
  })
}

/**
 * Counts a notice to the mailbox of an address that was never verified. Throws Problem
 * `rate_limited`.
 */
export async function takeNotice(limiters: Limiters, email: string): Promise<void> {
  await limiters['notice-mailbox'].take(mailboxOf(email))
}

function byNetwork(limit: LimitName): (request: FastifyRequest) => Count[] {
  return (request) => [[limit, callerNetwork(request)]]
}

function mailCounts(
  what: 'mail' | 'signup',
  request: FastifyRequest,
  path: string,
  fold = (address: string) => address,
): Count[] {
  const address = addressOf(request)
  if (address === null) return []
  const whose = fold(address)
  return [
    [`${what}-email-network`, `${path} ${callerNetwork(request)} ${whose}`],
    [`${what}-email`, `${path} ${whose}`],
  ]
}

function mailboxCount(request: FastifyRequest): Count[] {
  const address = addressOf(request)
  return address === null ? [] : [['signup-mailbox', mailboxOf(address)]]
}

function addressOf({ body }: FastifyRequest): string | null {
  const { email, new_email: newEmail } = body as { email?: string; new_email?: string }
  return canonicalEmail(String(email ?? newEmail))
}
