import { Type } from 'typebox'
import { audit } from '../../http/audit.js'
import { readClientCredentials } from '../../http/client-credentials.js'
import { Duration } from '../../http/duration.js'
import type { App } from '../../http/fastify.js'
import { formMediaType, parseForms } from '../../http/forms.js'
import { bearer } from '../../http/holding.js'
import { ClientForm, exampleClient } from '../../http/oauth.js'
import { NoQuery } from '../../http/schemas.js'
import type { Services } from '../../services.js'
import { createIssueToken } from './issue-token.js'

const TokenBody = Type.Object({
  grant_type: Type.String({
    description: 'Always `client_credentials`',
    examples: ['client_credentials'],
  }),
  scope: Type.Optional(
    Type.String({
      description: 'Some of the scopes of the client, separated by spaces; all without it',
      examples: ['users:read'],
    }),
  ),
  ...ClientForm,
})

const MachineTokenReply = Type.Object(
  {
    access_token: Type.String({ examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIs…'] }),
    token_type: Type.Literal('Bearer', { examples: ['Bearer'] }),
    expires_in: Duration('The life of the token in seconds', 600),
    scope: Type.Optional(
      Type.String({
        description: 'The scopes of the token, separated by spaces. Absent without scopes',
        examples: ['users:read'],
      }),
    ),
  },
  { additionalProperties: false, description: 'An access token. There is no refresh token' },
)

/** Issues access tokens to machine clients. */
export function tokenRoute(app: App, services: Services): void {
  const issueToken = createIssueToken(services)
  const { clients } = services
  app.register(async (api: App) => {
    parseForms(api)
    api.post(
      '/token',
      {
        config: {
          public: true,
          oauth: true,
          problems: [
            'invalid_client',
            'unsupported_grant_type',
            'invalid_scope',
            'rate_limited',
            'unavailable',
          ],
        },
        schema: {
          operationId: 'issueToken',
          summary: 'Get an access token for a machine client (RFC 6749 §4.4)',
          description: `For programs, not for people: people log in with \`POST /login\`. An operator creates machine clients at the command line. Send the credentials in the header (Basic) or in the form, such as those of ${exampleClient.id}.`,
          tags: ['Machines'],
          security: [{ clientSecret: [] }, {}],
          querystring: NoQuery,
          consumes: [formMediaType],
          body: TokenBody,
          response: { 200: MachineTokenReply },
        },
      },
      async (request, reply) => {
        const credentials = readClientCredentials(request, request.body)
        const { network } = clients.clientOf(request)
        const issued = await issueToken(request.body, { ...credentials, network })
        audit(request, 'client.token_issued', issued.clientId)
        request.holding = bearer
        request.tokensIssued = true
        reply.header('cache-control', 'no-store')
        return {
          access_token: issued.accessToken,
          token_type: 'Bearer' as const,
          expires_in: issued.expiresIn,
          ...(issued.scope !== '' && { scope: issued.scope }),
        }
      },
    )
  })
}
