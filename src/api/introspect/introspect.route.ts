import { Type } from 'typebox'
import { readClientCredentials } from '../../http/client-credentials.js'
import type { App } from '../../http/fastify.js'
import { formMediaType, parseForms } from '../../http/forms.js'
import { ClientForm, exampleClient } from '../../http/oauth.js'
import { NoQuery } from '../../http/schemas.js'
import type { Services } from '../../services.js'
import { createIntrospect } from './introspect.js'

const IntrospectionBody = Type.Object({
  token: Type.String({
    description: 'An access token',
    examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIs…'],
  }),
  token_type_hint: Type.Optional(Type.String({ description: 'Ignored' })),
  ...ClientForm,
})

const IntrospectionReply = Type.Object(
  {
    active: Type.Boolean({
      description: 'Whether the token is valid now. If it is not, there are no other members',
    }),
    token_type: Type.Optional(
      Type.Enum(['Bearer', 'DPoP'], {
        description: '`DPoP`: the token is bound to the key `cnf.jkt`',
      }),
    ),
  },
  {
    additionalProperties: true,
    description: 'The state of the token, and its claims. Other members are as in `GET /claims`',
    examples: [
      {
        active: true,
        token_type: 'Bearer',
        sub: exampleClient.id,
        client_id: exampleClient.id,
        scope: 'users:read',
        exp: 1767323645,
      },
    ],
  },
)

/** Tells services that cannot verify tokens whether one is valid now. */
export function introspectRoute(app: App, services: Services): void {
  const introspect = createIntrospect(services)
  const { clients } = services
  app.register(async (api: App) => {
    parseForms(api)
    api.post(
      '/introspect',
      {
        config: {
          public: true,
          oauth: true,
          problems: ['invalid_client', 'rate_limited', 'unavailable'],
        },
        schema: {
          operationId: 'introspectToken',
          summary: 'Ask whether an access token is valid now (RFC 7662)',
          description:
            'For gateways that cannot verify tokens by themselves, and for services that need to know at once that a token was ended. Needs the credentials of a machine client, with any scopes. Tokens of other kinds, such as refresh tokens, are not active.',
          tags: ['Machines'],
          security: [{ clientSecret: [] }, {}],
          querystring: NoQuery,
          consumes: [formMediaType],
          body: IntrospectionBody,
          response: { 200: IntrospectionReply },
        },
      },
      async (request, reply) => {
        const credentials = readClientCredentials(request, request.body)
        const { network } = clients.clientOf(request)
        const claims = await introspect(request.body.token, { ...credentials, network })
        reply.header('cache-control', 'no-store')
        if (claims === null) return { active: false }
        const tokenType = claims.cnf === undefined ? ('Bearer' as const) : ('DPoP' as const)
        return { ...claims, active: true, token_type: tokenType }
      },
    )
  })
}
