import cors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { redact } from './log.js'
import { type Paths, refuseRoute } from './methods.js'

const methods = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']
const allowedHeaders = [
  'authorization',
  'content-type',
  'dpop',
  'x-request-id',
  // Sent by libraries that trace a call across services (W3C Trace Context and Baggage, Sentry).
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
]
const exposedHeaders = [
  'allow',
  'dpop-nonce',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'www-authenticate',
  'x-request-id',
]

/** The max hints in the log in a minute. A caller can send any number of origins. */
const maxHints = 20

/**
 * Lets pages of some origins call the API (CORS). A preflight that a browser will take for a
 * refusal leaves a hint in the log, at `debug`. Call it before the routes.
 *
 * @param origins the exact origins; without any, there is no CORS
 */
export function allowOrigins(app: FastifyInstance, origins: string[], paths: Paths): void {
  const isNew = createFilter()
  app.addHook('onRequest', (request, reply, done) => {
    // For the cookies of a page on the same site. The plugin would send it to every origin.
    if (origins.includes(String(request.headers.origin)))
      reply.header('access-control-allow-credentials', 'true')
    if (request.method === 'OPTIONS') {
      const wanted = request.headers['access-control-request-method']
      if (wanted !== undefined) {
        const hint = refusalOf(request, wanted, origins)
        if (hint !== null && isNew(JSON.stringify(hint)))
          request.log.debug(hint, 'a browser refuses this call: see CORS_ORIGINS')
      }
      // The plugin would respond 204 to every OPTIONS, also to the health check of a balancer.
      else if (request.routeOptions.url === '*') refuseRoute(request, reply, paths)
    }
    done()
  })
  if (origins.length > 0)
    app.register(cors, {
      origin: origins,
      methods,
      allowedHeaders,
      exposedHeaders,
      maxAge: 600,
      strictPreflight: false,
    })
}

/** Returns the reason for which a browser will not send a request, or null. */
function refusalOf(
  { headers }: FastifyRequest,
  method: string,
  origins: string[],
): Record<string, string> | null {
  const origin = String(headers.origin)
  if (!origins.includes(origin)) return { origin: shown(origin), reason: 'origin' }
  if (!methods.includes(method)) return { origin, reason: 'method' }
  const names = String(headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
  const refused = names.find((name) => name !== '' && !allowedHeaders.includes(name))
  return refused === undefined
    ? null
    : { origin, reason: 'header', header: /^[\w-]{1,50}$/.test(refused) ? refused : 'other' }
}

/** Returns an origin as the log may show it: only text that looks like one, without tokens. */
function shown(origin: string): string {
  return /^(null|[a-z][a-z0-9+.-]{0,30}:\/\/[a-zA-Z0-9.:[\]-]{1,253})$/.test(origin)
    ? redact(origin)
    : 'not an origin'
}

/** Creates a filter that returns true once a minute for each text, for `maxHints` texts. */
function createFilter(): (text: string) => boolean {
  const seen = new Set<string>()
  let end = 0
  return (text) => {
    const now = performance.now()
    if (now >= end) {
      seen.clear()
      end = now + 60_000
    }
    if (seen.has(text) || seen.size >= maxHints) return false
    seen.add(text)
    return true
  }
}
