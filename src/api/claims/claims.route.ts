import type { App } from '../../http/fastify.js'
import { Claims, NoQuery } from '../../http/schemas.js'

/** What the guard has verified, and nothing else: it is answered while the database is away. */
export function claimsRoute(app: App): void {
  app.get(
    '/claims',
    {
      schema: {
        operationId: 'readClaims',
        summary: 'Read the verified claims of the access token',
        description: 'Answered without the database.',
        tags: ['Tokens'],
        querystring: NoQuery,
        response: { 200: { ...Claims, description: 'The claims' } },
      },
    },
    async (request) => request.user,
  )
}
