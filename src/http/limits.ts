import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalEmail } from '../email-address.js'
import type { Counted, Limiters } from './limiters.js'
import { networkOf } from './network.js'

/** At most `calls` in `seconds`, which begin with the first. */
export interface Quota { calls: number, seconds: number }

/** `free` calls, then one after each wait: `firstWait` seconds, twice as long each time, `longestWait` at most. It starts anew `seconds` after the first call, whatever came since. */
export interface Backoff { free: number, firstWait: number, longestWait: number, seconds: number }

const hour = 3600
const day = 24 * hour

/**
 * Every limit, as "what-by whom": calls from one network (IPv6 by /64), about one e-mail address, whether it has an account or not, by an account, or by a device.
 *
 * Mails to an address are counted for each route: who asks for one kind, which may not even be sent, does not take the link to a new password from the owner. One network alone cannot use up
 * what an address has. An account may have the address of somebody else: sign-ups and notices of changed passwords are mails to it as well.
 *
 * Passwords: an attempt with the device token of the address counts for `device` and `devices`, any other, and one that those refuse, for the rest. At one address there are at most 99 in a
 * day that begins with the first failure, fewer than the 100 of NIST SP 800-63B-4 §3.2.2: 62 by strangers and 37 by devices. Who saves them for its end and goes on in the next has at most
 * 169 in some 24 hours (99 and 70). One stranger cannot use up what is free to all strangers, and one stolen device not what is free to all devices.
 */
export const limits = {
  'mail-network': { calls: 30, seconds: hour },
  'mail-email-network': { calls: 3, seconds: hour },
  'mail-email': { calls: 5, seconds: hour },
  'signup-network': { calls: 100, seconds: hour },
  'signup-email-network': { calls: 3, seconds: hour },
  'signup-email': { calls: 5, seconds: hour },
  'notice-account': { calls: 5, seconds: hour },
  'hash-network': { calls: 1000, seconds: hour / 4 },
  'password-network': { calls: 100, seconds: hour / 4 },
  'password-network-day': { calls: 1000, seconds: day },
  'password-email-network': { free: 10, firstWait: 10, longestWait: 4 * hour, seconds: day },
  'password-email': { free: 30, firstWait: 10, longestWait: hour, seconds: day },
  'password-device': { free: 10, firstWait: 10, longestWait: 4 * hour, seconds: day },
  'password-devices': { free: 26, firstWait: 60, longestWait: day, seconds: day }
} as const satisfies Record<string, Quota | Backoff>

/** The name of a limit. */
export type LimitName = keyof typeof limits

/** What a route can name in its config: the limits of each of its calls. Those of `mail` and `signup` are by network and address, that of `notice` is by account. */
export type RouteLimit = 'mail' | 'signup' | 'notice' | 'link'

/** Puts the limits before the routes whose config names them. They are asked before anything is looked up, and are the same for every account and for none. */
export function addLimits (app: FastifyInstance, limiters: Limiters): void {
  const taken = new WeakMap<FastifyRequest, Counted[]>()
  app.addHook('onRoute', (route) => {
    const name = route.config?.limit
    if (name === undefined || name === 'link') return
    const take = async (request: FastifyRequest) => {
      const counted: Counted[] = []
      taken.set(request, counted)
      const count = async (limit: LimitName, whose: string) => { counted.push(await limiters[limit].take(whose)) }
      if (name === 'notice') return await count('notice-account', request.user.sub)
      const network = networkOf(request.ip)
      // Good or bad, each call of a network counts.
      await limiters[`${name}-network`].take(network)
      const address = addressOf(request)
      if (address === null) return
      await count(`${name}-email-network`, `${route.url} ${network} ${address}`)
      await count(`${name}-email`, `${route.url} ${address}`)
    }
    // After the guard and what it says of requests that do not fit, which are hooks of the whole application.
    route.preHandler = [route.preHandler ?? [], take].flat()
    const giveBack = async (request: FastifyRequest, _reply: unknown, error: Error & { code?: string }) => {
      // A request that was refused sends no mail. An address that is taken counts like one that is free.
      if (error.code !== 'email_taken') await Promise.all(taken.get(request)?.map(async ({ undo }) => { await undo() }) ?? [])
    }
    route.onError = [route.onError ?? [], giveBack].flat()
  })
}

function addressOf ({ body }: FastifyRequest): string | null {
  const { email, new_email: newEmail } = body as { email?: string, new_email?: string }
  return canonicalEmail(String(email ?? newEmail))
}
