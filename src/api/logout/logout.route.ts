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
            'Always 204, with any token or none. The server keeps nothing about a client: it is logged out when it has thrown its tokens away. To end tokens that are elsewhere, use `/logout/everywhere`.',
          tags: ['Account'],
          response: { 204: Type.Null({ description: 'Nothing of this client is kept' }) },
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
            'Ends every refresh token of the account at once. Access tokens end by themselves within minutes.',
          tags: ['Account'],
          querystring: NoQuery,
          response: {
            204: Type.Null({ description: 'Every refresh token of the account is dead' }),
          },
        },
      },
      async (request, reply) => {
        await logoutEverywhere(request.user.sub)
        audit(request, 'sessions.ended', request.user.sub)
        return await reply.code(204).send(null)
      },
    )
  })
}
