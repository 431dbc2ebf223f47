import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalEmail, mailboxOf } from '../account/email-address.js'
import type { Counted, Limiters } from './limiters.js'
import { callerNetwork } from './network.js'

import type { LimitName } from './table.js'

/** A limit, and the subject that a call counts for. */
type Count = [limit: LimitName, subject: string]

/** The counts of a route, in order. */
interface RouteCounts {
  /** Counts that stay, whatever the result of the call. */
  kept?: (request: FastifyRequest) => Count[]
  /** Counts that are undone if the call is refused. */
  returned?: (request: FastifyRequest, path: string) => Count[]
}

/**
 * The sets of limits that a route can name in its config. `mailed-signup` is the sign-up under
 * `SIGNUP_MODE=verify_first`.
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
  name: { kept: ({ user }) => [['name-account', user.sub]] },
  admin: { kept: ({ user }) => [['admin-account', user.sub]] },
  // Another address is mailed to the former one, which an admin may have chosen.
  'admin-address': {
    kept: ({ user }) => [['admin-account', user.sub]],
    returned: (request) => {
      const address = addressOf(request)
      return address === null
        ? []
        : [
            ['admin-creations', request.user.sub],
            ['admin-creations-all', 'all'],
            ['admin-mailbox', mailboxOf(address)],
          ]
    },
  },
  // Two routes delete an account: neither may double the calls of the other.
  deletion: { kept: ({ user }) => [['account', `DELETE /me ${user.sub}`]] },
} as const satisfies Record<string, RouteCounts>

/** The name of a set of limits that a route can have. */
export type RouteLimit = keyof typeof routeLimits

/**
 * Adds the limits to the routes that name them in their config. They are checked before any
 * look-up, and are the same with and without an account.
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
      for (const [limit, subject] of kept?.(request) ?? []) await limiters[limit].take(subject)
      for (const [limit, subject] of returned?.(request, route.url) ?? [])
        counted.push(await limiters[limit].take(subject))
    }
    // Run after the guard and the validation, which are hooks of the whole application.
    route.preHandler = [route.preHandler ?? [], take].flat()
    const giveBack = async (
      request: FastifyRequest,
      _reply: unknown,
      error: Error & { code?: string },
    ) => {
      // A refused request sends no mail, so it does not count. A taken address counts like a free
      // one, so that the limits do not reveal it.
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
  const subject = fold(address)
  return [
    [`${what}-email-network`, `${path} ${callerNetwork(request)} ${subject}`],
    [`${what}-email`, `${path} ${subject}`],
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
