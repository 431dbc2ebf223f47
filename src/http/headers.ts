import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'

/** Largest body, in bytes. */
export const bodyLimit = 16 * 1024

/**
 * Bounds on a connection, in milliseconds. A request whose headers or body stop half-way is
 * closed within requestTimeout + connectionsCheckingInterval; one whose answer is not read,
 * after connectionTimeout. When the server closes, what is under way has arrivalTimeout to
 * arrive.
 */
export interface ServerTimeouts {
  requestTimeout: number
  headersTimeout: number
  connectionsCheckingInterval: number
  connectionTimeout: number
  keepAliveTimeout: number
  arrivalTimeout: number
}

/**
 * How many requests of one connection may be without an answer that has left; beyond that it is
 * closed. Each takes memory for its answer, of which a client that sends many at once and reads
 * none pays nothing.
 */
export const pipelineLimit = 8

/** The bounds of the product. */
export const serverTimeouts: ServerTimeouts = {
  requestTimeout: 10_000,
  headersTimeout: 8000,
  connectionsCheckingInterval: 1000,
  connectionTimeout: 30_000,
  keepAliveTimeout: 72_000,
  arrivalTimeout: 1000,
}

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
 * The most of a body that is taken in after its request was answered without it, in bytes; then
 * the connection is closed.
 */
const unreadLimit = 1024 * 1024

/**
 * Headers, CORS and the one body parser.
 *
 * @param origins exact origins whose pages may call the API.
 * @param isDraining from then on every answer closes its connection
 */
export function hardenEdges(
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
  app.addHook('onSend', ({ raw }, reply, _payload, done) => {
    if (isClosing || isDraining()) reply.header('connection', 'close')
    if (!raw.complete) boundRest(raw)
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
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit }, parseJson(app))
}

/**
 * Makes the routes of a scope, which take no body, answer whatever body comes, of whatever
 * type; it is not read.
 */
export function ignoreBodies(scope: FastifyInstance): void {
  scope.addHook('onRequest', async ({ headers }) => {
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/octet-stream'
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', async () => null)
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

function boundRest(request: IncomingMessage): void {
  let left = unreadLimit
  request.on('data', (chunk: Buffer) => {
    if ((left -= chunk.length) < 0) request.destroy()
  })
}

// The framework's parser (it refuses __proto__ and constructor.prototype), but for UTF-8 only and
// without replacement characters (RFC 8259 §8.1).
function parseJson(app: FastifyInstance) {
  const parse = promisify(
    app.getDefaultJsonParser('error', 'error') as (
      request: FastifyRequest,
      text: string,
      done: (error: Error | null, body?: unknown) => void,
    ) => void,
  )
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  return async (request: FastifyRequest, body: Buffer): Promise<unknown> => {
    const [, charset = 'utf-8'] =
      /;\s*charset="?([^";\s]*)/i.exec(String(request.headers['content-type'])) ?? []
    if (charset.toLowerCase() !== 'utf-8') throw new Problem('unsupported_media_type')
    let text: string
    try {
      text = utf8.decode(body)
    } catch {
      throw new Problem('invalid_json')
    }
    return await parse(request, text)
  }
}
