import { createHmac, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible'
import { canonicalEmail } from '../email-address.js'
import { Problem } from '../errors.js'

/** What is counted: calls from one network address, or about one e-mail address, whether it has an account or not. */
interface Limit { by: 'network' | 'email', calls: number, seconds: number }

/** Every limit, by the name that a route gives in its config. Counted in this process. */
export const limits = {
  mail: [{ by: 'network', calls: 30, seconds: 3600 }, { by: 'email', calls: 5, seconds: 3600 }]
} as const satisfies Record<string, Limit[]>

/** The name of a set of limits. */
export type LimitName = keyof typeof limits

/** Puts the limits before the routes whose config names them. They are asked before anything is looked up, and are the same for every account and for none. */
export function addLimits (app: FastifyInstance): void {
  const secret = randomBytes(32)
  const count = (limit: Limit) => ({ ...limit, counter: new RateLimiterMemory({ points: limit.calls, duration: limit.seconds }) })
  const counters: Record<LimitName, Array<ReturnType<typeof count>>> = { mail: limits.mail.map(count) }
  const keyOf = (by: Limit['by'], request: FastifyRequest) => {
    if (by === 'network') return networkOf(request.ip)
    const { email, new_email: newEmail } = request.body as { email?: string, new_email?: string }
    const address = canonicalEmail(String(email ?? newEmail))
    return address === null ? null : createHmac('sha256', secret).update(address).digest('base64url')
  }
  app.addHook('preHandler', async (request, reply) => {
    const name = request.routeOptions.config.limit
    if (name === undefined || request.validationError) return
    for (const { by, calls, seconds, counter } of counters[name]) {
      const key = keyOf(by, request)
      if (key === null) continue
      await counter.consume(key).catch(({ msBeforeNext }: RateLimiterRes) => {
        const wait = Math.max(1, Math.ceil(msBeforeNext / 1000))
        reply.headers({ 'ratelimit-policy': `"${name}-${by}";q=${calls};w=${seconds}`, ratelimit: `"${name}-${by}";r=0;t=${wait}` })
        throw new Problem('rate_limited', { waitSeconds: wait })
      })
    }
  })
}

/** What counts as one network address: IPv6 by /64, for that is what one customer has; IPv4 also in its IPv6 spelling. */
export function networkOf (ip: string): string {
  const [, v4] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip) ?? []
  if (v4 !== undefined || !isIPv6(ip)) return v4 ?? ip
  // A URL has the one spelling of RFC 5952 §4; a group that is left out is a zero.
  const [head = '', tail] = new URL(`http://[${ip.replace(/%.*$/, '')}]/`).hostname.slice(1, -1).split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - groups.length - after.length }, () => '0')
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}
