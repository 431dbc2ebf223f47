import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { prefixOf } from '../../http/prefix.js'
import type { Services } from '../../services.js'

/** Lists the first paths to know, or redirects a browser to the documentation. */
export function rootRoute(app: App, { config }: Services): void {
  const hasDocs = config.DOCS === 'on'
  const prefix = prefixOf(config.PUBLIC_URL)
  const index = {
    name: 'Latchkey',
    login: `${prefix}/login`,
    jwks: `${prefix}/.well-known/jwks.json`,
    health: `${prefix}/health/ready`,
  }
  const signup = { signup: `${prefix}/signup` }
  const docs = { openapi: `${prefix}/openapi.json`, docs: `${prefix}/docs` }
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
            {
              description: 'The first paths to know',
              examples: [{ ...index, ...signup, ...docs }],
            },
          ),
          302: Type.Null({ description: 'To the documentation' }),
        },
      },
    },
    async (request, reply) => {
      reply.header('vary', 'accept')
      if (hasDocs && request.accepts().type(['json', 'html']) === 'html')
        return await reply.redirect(`${prefix}/docs`)
      return {
        ...index,
        ...(config.SIGNUP_MODE !== 'closed' && signup),
        ...(hasDocs && docs),
      }
    },
  )
}
