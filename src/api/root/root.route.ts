import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import type { Services } from '../../services.js'

const docs = { openapi: '/openapi.json', docs: '/docs' } as const

/** Lists the first paths to know, or redirects a browser to the documentation. */
export function rootRoute(app: App, { config }: Services): void {
  const hasDocs = config.DOCS === 'on'
  app.get(
    '/',
    {
      config: { public: true },
      schema: {
        operationId: 'readIndex',
        summary: 'Where to start',
        description: 'Redirects a browser to `/docs`.',
        tags: ['Operation'],
        response: {
          200: Type.Object(
            {
              name: Type.String(),
              signup: Type.Optional(Type.String()),
              login: Type.String(),
              jwks: Type.String(),
              health: Type.String(),
              openapi: Type.Optional(Type.String()),
              docs: Type.Optional(Type.String()),
            },
            { description: 'The first paths to know' },
          ),
          302: Type.Null({ description: 'To the documentation' }),
        },
      },
    },
    async (request, reply) => {
      reply.header('vary', 'accept')
      if (hasDocs && request.accepts().type(['json', 'html']) === 'html')
        return await reply.redirect('/docs')
      return {
        name: 'Latchkey',
        ...(config.SIGNUP_MODE !== 'closed' && { signup: '/signup' }),
        login: '/login',
        jwks: '/.well-known/jwks.json',
        health: '/health/ready',
        ...(hasDocs && docs),
      }
    },
  )
}
