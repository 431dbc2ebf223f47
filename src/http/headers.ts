import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import { Problem } from '../errors.js'

/**
 * What every answer carries, also the one that Node's parser gives (ASVS 3.4, OWASP REST
 * Security Cheat Sheet). Nothing this API serves but a few pages is meant to be rendered. Each
 * costs on every request: none is here that only browsers of the past understand.
 */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/** A client's own request id, if it cannot break a log line; a new one otherwise. */
export function requestId(request: {
  headers: Record<string, string | string[] | undefined>
}): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID()
}

/**
 * Adds the headers of every reply, and CORS.
 *
 * @param origins exact origins whose pages may call the API.
 * @param isDraining from then on every answer closes its connection
 */
export function addHeaders(
  app: FastifyInstance,
  origins: string[],
  isDraining: () => boolean,
): void {
  // What runs on every request is synchronous: each promise costs as much as the work itself.
  app.addHook('onRequest', ({ id, raw }, reply, done) => {
    reply.headers(securityHeaders).headers({ 'x-request-id': id, 'cache-control': 'no-store' })
    requireHost(raw)
    done()
  })
  // Without a listener Node answers an Expect that it does not know with a bare 417; a server may
  // as well ignore it (RFC 9110 §10.1.1).
  app.server.on('checkExpectation', (request, reply) => {
    app.server.emit('request', request, reply)
  })
  // Otherwise a connection whose request was running when the server was told to close would be
  // kept, and with it the server, for keepAliveTimeout.
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing || isDraining()) reply.header('connection', 'close')
    done()
  })
  if (origins.length > 0) {
    app.register(cors, {
      origin: origins,
      methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'x-request-id'],
      exposedHeaders: [
        'allow',
        'location',
        'ratelimit',
        'ratelimit-policy',
        'retry-after',
        'www-authenticate',
        'x-request-id',
      ],
      maxAge: 600,
      strictPreflight: false,
    })
  }
}

/**
 * How often a request has a header, of which Node shows one in `headers`.
 *
 * @param rawHeaders names and values in turn
 * @param name in lower case
 */
export function countHeader(rawHeaders: string[], name: string): number {
  let found = 0
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.length === name.length && rawHeaders[index]?.toLowerCase() === name)
      found++
  return found
}

// RFC 9112 §3.2. Node itself takes the first of two, and its answer to a missing one has neither
// our shape nor our headers: `requireHostHeader` is off.
function requireHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  const count = countHeader(rawHeaders, 'host')
  if (count > 1 || (count === 0 && httpVersion !== '1.0'))
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'host', detail: 'must be sent once' }],
    })
}
