import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import { countHeader } from './headers.js'

/** The max size of a body, in bytes. */
export const bodyLimit = 16 * 1024

/**
 * The max bytes of a body that are read after its request got a reply. Then the connection is
 * closed.
 */
const unreadLimit = 1024 * 1024

/**
 * A parameter of a media type: its name, and its value as a token or a quoted string. The bound
 * keeps the time linear for quotes that are never closed.
 */
const parameter = /;\s*([^\s;=]+)=(?:"((?:[^"\\]|\\.){0,100})"|([^\s;]*))/g

/** The charsets whose texts are UTF-8 too. JSON is always UTF-8 (RFC 8259 §8.1). */
const utf8Charsets = ['utf-8', 'utf8', 'us-ascii']

/**
 * Accepts only JSON bodies. Limits how much of a body is read after its request got a reply.
 * Call it before the routes.
 */
export function parseBodies(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.schema?.body !== undefined)
      route.preParsing = [route.preParsing ?? [], checkBodyHeaders].flat()
  })
  app.addHook('onSend', ({ raw }, _reply, _payload, done) => {
    if (!raw.complete) boundRest(raw)
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit }, parseJson(app))
}

/** Makes the routes of a scope ignore bodies of any type, without reading them. */
export function ignoreBodies(scope: FastifyInstance): void {
  scope.addHook('onRequest', async ({ headers }) => {
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/octet-stream'
  })
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', async () => null)
}

function boundRest(request: IncomingMessage): void {
  let left = unreadLimit
  request.on('data', (chunk: Buffer) => {
    if ((left -= chunk.length) < 0) request.destroy()
  })
}

// The framework's parser refuses __proto__ and constructor.prototype. This also refuses charsets
// other than UTF-8, and invalid UTF-8 (RFC 8259 §8.1).
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
    if (!charsetsOf(request).every((charset) => utf8Charsets.includes(charset)))
      throw new Problem('unsupported_media_type')
    // Some clients name the type of the body that they do not send.
    if (body.length === 0 && hasOptionalBody(request)) return undefined
    let text: string
    try {
      text = utf8.decode(body)
    } catch {
      throw new Problem('invalid_json')
    }
    return await parse(request, text)
  }
}

// As the contract says: a body without required members can be left out.
function hasOptionalBody({ routeOptions }: FastifyRequest): boolean {
  const schema = routeOptions.schema?.body as { required?: string[] } | undefined
  return schema !== undefined && schema.required === undefined
}

// Runs before the body is read.
function checkBodyHeaders(
  { headers, raw }: FastifyRequest,
  reply: FastifyReply,
  _payload: unknown,
  done: () => void,
): void {
  // Node keeps the first of several Content-Type headers and drops the others.
  if (countHeader(raw.rawHeaders, 'content-type') > 1)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'content-type', detail: 'must be sent once' }],
    })
  const codings = (headers['content-encoding'] ?? '').split(',')
  if (!codings.every((coding) => ['', 'identity'].includes(coding.trim().toLowerCase()))) {
    // RFC 9110 §15.5.16 and §12.5.3.
    reply.header('accept-encoding', 'identity')
    throw new Problem('unsupported_media_type', {
      detail: 'Send the body as it is, without Content-Encoding.',
    })
  }
  done()
}

function charsetsOf({ headers }: FastifyRequest): string[] {
  return [...String(headers['content-type']).matchAll(parameter)]
    .filter(([, name]) => name?.toLowerCase() === 'charset')
    .map(([, , quoted, token = '']) => (quoted?.replace(/\\(.)/g, '$1') ?? token).toLowerCase())
}
