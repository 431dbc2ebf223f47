import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { NoQuery, TokenReply } from '../../http/schemas.js'
import { createRefresh } from './refresh.js'
import type { Services } from '../../services.js'

const RefreshBody = Type.Object(
  {
    refresh_token: Type.String({
      description: 'The refresh token of the last reply',
      examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6InJ0K2p3dCIs…'],
    }),
  },
  { additionalProperties: false },
)

/** Issues new tokens for a refresh token in the body. That token keeps working. */
export function refreshRoute(app: App, services: Services): void {
  const refresh = createRefresh(services)
  app.post(
    '/refresh',
    {
      config: { public: true, problems: ['invalid_refresh_token', 'rate_limited', 'unavailable'] },
      schema: {
        operationId: 'refresh',
        summary: 'Get new tokens for a refresh token',
        description:
          'Can be repeated. After a lost reply, or in several tabs at once, the same refresh token works until it expires.',
        tags: ['Account'],
        querystring: NoQuery,
        body: RefreshBody,
        response: {
          200: {
            ...TokenReply,
            description: 'New tokens; replace the old refresh token by the new one',
          },
        },
      },
    },
    async (request, reply) => {
      await services.sendTokens(request, reply, await refresh(request.body.refresh_token))
    },
  )
}
