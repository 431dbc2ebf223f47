import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalEmail, mailboxOf } from '../account/email-address.js'
import type { Counted, Limiters } from './limiters.js'
import { callerNetwork } from './network.js'

import type { LimitName } from './table.js'

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
