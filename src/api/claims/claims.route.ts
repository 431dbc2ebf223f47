import type { App } from '../../http/fastify.js'
import { Claims, NoQuery } from '../../http/schemas.js'

/** Returns the claims that the guard has verified. It works while the database is down. */
export function claimsRoute(app: App): void {
  app.get(
    '/claims',
    {
      schema: {
        operationId: 'readClaims',
        summary: 'Read the verified claims of the access token',
        description: 'Works without the database.',
        tags: ['Tokens'],
        querystring: NoQuery,
        response: { 200: { ...Claims, description: 'The claims' } },
      },
    },
    async (request) => request.user,
  )
}
