import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { ignoreBodies } from '../../http/bodies.js'
import { NoQuery } from '../../http/schemas.js'
import { createLogoutEverywhere } from './logout.js'
import type { Services } from '../../services.js'

/** Logs out of this client. It cannot fail: the server keeps no session. */
export function logoutRoute(app: App): void {
  app.register(async (api: App) => {
    ignoreBodies(api)
    api.post(
      '/logout',
      {
        config: { public: true },
        schema: {
          operationId: 'logout',
          summary: 'Log out of this client',
          description:
            'Always 204, with any token or none. The server has no session to end: the client logs out by deleting its tokens. To revoke the tokens of other clients, use `/logout/everywhere`.',
          tags: ['Account'],
          response: {
            204: Type.Null({ description: 'The server keeps no data about this client' }),
          },
        },
      },
      async (_request, reply) => await reply.code(204).send(null),
    )
  })
}

/** Logs out of every client. */
export function logoutEverywhereRoute(app: App, services: Services): void {
  const logoutEverywhere = createLogoutEverywhere(services)
  app.register(async (api: App) => {
    ignoreBodies(api)
    api.post(
      '/logout/everywhere',
      {
        config: { limit: 'account', problems: ['forbidden', 'unavailable'] },
        schema: {
          operationId: 'logoutEverywhere',
          summary: 'Log out of every client',
          description:
            'Revokes every refresh token of the account at once. Access tokens expire within minutes.',
          tags: ['Account'],
          querystring: NoQuery,
          response: {
            204: Type.Null({ description: 'Every refresh token of the account is revoked' }),
          },
        },
      },
      async (request, reply) => {
        await logoutEverywhere(request.user.sub)
        audit(request, 'sessions.ended', request.user.sub)
        services.tokenCookies.clearUsed(request, reply)
        return await reply.code(204).send(null)
      },
    )
  })
}
