import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'

/** The max size of a body, in bytes. */
export const bodyLimit = 16 * 1024

/**
 * The max bytes of a body that are read after its request got a reply. Then the connection is
 * closed.
 */
const unreadLimit = 1024 * 1024

/** Accepts only JSON bodies. Limits how much of a body is read after its request got a reply. */
export function parseBodies(app: FastifyInstance): void {
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
