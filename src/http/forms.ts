import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'

/** The media type of the bodies of the OAuth endpoints (RFC 6749 §4.4.2). */
export const formMediaType = 'application/x-www-form-urlencoded'

/**
 * Makes the routes of a scope accept forms, and no other body. A parameter without a value
 * counts as absent, and none may be sent twice (RFC 6749 §3.2).
 */
export function parseForms(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    formMediaType,
    { parseAs: 'string' },
    async (_request: FastifyRequest, text: string) => {
      const form = new Map<string, string>()
      for (const [name, value] of new URLSearchParams(text)) {
        if (form.has(name))
          throw new Problem('invalid_request', {
            errors: [{ pointer: `/${name.slice(0, 100)}`, detail: 'must be sent once' }],
          })
        form.set(name, value)
      }
      return Object.fromEntries([...form].filter(([, value]) => value !== ''))
    },
  )
}
