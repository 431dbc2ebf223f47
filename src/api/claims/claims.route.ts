import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { findObstacle } from '../../http/permissions.js'
import { Claims } from '../../http/schemas.js'
import { maxScopeCharacters, readScopes, scopesPattern } from '../../scopes.js'
import { machineOf } from '../../tokens/machine-token.js'

const ClaimsQuery = Type.Object(
  {
    scope: Type.Optional(
      Type.String({
        pattern: scopesPattern,
        maxLength: maxScopeCharacters,
        description:
          'Lets in machine clients that have all these scopes, separated by spaces, beside people. Without it, the route is for people',
        examples: ['orders:ship'],
      }),
    ),
  },
  { additionalProperties: false },
)

/** The headers for a proxy. They are always there, so that a proxy overwrites forged ones. */
const identityHeaders = {
  'X-Latchkey-Subject': {
    type: 'string',
    description: 'The id of the account or machine client',
  },
  'X-Latchkey-Roles': {
    type: 'string',
    description: 'The roles of the account, joined by commas. Empty without roles',
  },
  'X-Latchkey-Scope': {
    type: 'string',
    description: 'The scopes of a machine client, separated by spaces. Empty for people',
  },
}

/**
 * Returns the claims that the guard has verified. It works while the database is down. Machine
 * clients are let in by the query alone: an app behind a proxy takes a subject for a person.
 */
export function claimsRoute(app: App): void {
  app.get(
    '/claims',
    {
      config: {
        scopes: [],
        query: ClaimsQuery,
        problems: ['forbidden', 'insufficient_scope'],
      },
      schema: {
        operationId: 'readClaims',
        summary: 'Read the verified claims of the access token',
        description:
          'Works without the database. The headers let a proxy protect an application behind it (forward authentication). For people, unless `scope` names the scopes of machine clients.',
        tags: ['Tokens'],
        querystring: ClaimsQuery,
        response: { 200: { ...Claims, description: 'The claims', headers: identityHeaders } },
      },
    },
    async ({ user, query: { scope } }, reply) => {
      const obstacle = findObstacle(user, scope === undefined ? {} : { scopes: readScopes(scope) })
      if (obstacle !== undefined) throw obstacle
      reply.headers({
        'x-latchkey-subject': user.sub,
        'x-latchkey-roles': user.roles?.join() ?? '',
        'x-latchkey-scope': machineOf(user)?.scope ?? '',
      })
      return user
    },
  )
}
