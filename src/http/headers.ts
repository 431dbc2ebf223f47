import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Problem } from '../errors.js'

/**
 * The headers of every response, also of a client error (ASVS 3.4, OWASP REST Security Cheat
 * Sheet). Only a few pages of this API are meant to be rendered. Each header costs time on
 * every request, so there are none for outdated browsers.
 */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** The security headers of an application, by name. */
export type SecurityHeaders = typeof securityHeaders

/**
 * Returns the security headers of an application.
 *
 * @param hstsSubdomains whether browsers must use https for every sub-domain of the host too.
 *   Off by default: a sub-domain without TLS would be unreachable for a year (RFC 6797 §14.4)
 */
export function securityHeadersFor(hstsSubdomains: boolean): SecurityHeaders {
  const { 'strict-transport-security': hsts } = securityHeaders
  return {
    ...securityHeaders,
    ...(hstsSubdomains && { 'strict-transport-security': `${hsts}; includeSubDomains` }),
  }
}

/** Returns the client's request id if it is safe in a log line, or a new one. */
export function requestId(request: {
  headers: Record<string, string | string[] | undefined>
}): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID()
}

/**
 * Adds the headers of every response.
 *
 * @param isDraining while true, every response closes its connection
 */
export function addHeaders(
  app: FastifyInstance,
  headers: SecurityHeaders,
  isDraining: () => boolean,
): void {
  // Hooks of every request are synchronous: a promise costs as much as the work itself.
  app.addHook('onRequest', ({ id, raw }, reply, done) => {
    reply.headers(headers).headers({ 'x-request-id': id, 'cache-control': 'no-store' })
    requireHost(raw)
    if (raw.headers['transfer-encoding'] !== undefined) requireChunked(raw, reply)
    done()
  })
  // Without a listener Node refuses an unknown Expect with a bare 417. A server may ignore it (RFC
  // 9110 §10.1.1).
  app.server.on('checkExpectation', (request, reply) => {
    app.server.emit('request', request, reply)
  })
  // Otherwise a connection with a running request would stay open after the shutdown begins, and
  // keep the server running for keepAliveTimeout.
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing || isDraining()) reply.header('connection', 'close')
    done()
  })
}

/**
 * Returns how often a request has a header; `headers` shows only one.
 *
 * @param rawHeaders names and values alternate
 * @param name in lower case
 */
export function countHeader(rawHeaders: string[], name: string): number {
  let found = 0
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.length === name.length && rawHeaders[index]?.toLowerCase() === name)
      found++
  return found
}

// RFC 9112 §3.2. `requireHostHeader` is off: Node accepts two Host headers, and refuses a missing
// one without our error shape and headers.
function requireHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  const count = countHeader(rawHeaders, 'host')
  if (count > 1 || (count === 0 && httpVersion !== '1.0'))
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'host', detail: 'must be sent once' }],
    })
}

// RFC 9112 §6.1. Node reads the chunks, whatever other codings there are, and takes the rest for
// the body. A proxy may see another end of the request, so the connection is closed.
function requireChunked({ headers, httpVersion }: IncomingMessage, reply: FastifyReply): void {
  if (headers['transfer-encoding']?.toLowerCase() === 'chunked' && httpVersion !== '1.0') return
  reply.header('connection', 'close')
  throw new Problem('invalid_request', {
    errors: [{ pointer: 'transfer-encoding', detail: 'must be chunked, in HTTP/1.1' }],
  })
}
