import type { App } from '../../http/fastify.js'
import { Claims, NoQuery } from '../../http/schemas.js'
import { machineOf } from '../../tokens/machine-token.js'

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

/** Returns the claims that the guard has verified. It works while the database is down. */
export function claimsRoute(app: App): void {
  app.get(
    '/claims',
    {
      config: { scopes: [] },
      schema: {
        operationId: 'readClaims',
        summary: 'Read the verified claims of the access token',
        description:
          'Works without the database. The headers let a proxy protect an application behind it (forward authentication).',
        tags: ['Tokens'],
        querystring: NoQuery,
        response: { 200: { ...Claims, description: 'The claims', headers: identityHeaders } },
      },
    },
    async ({ user }, reply) => {
      reply.headers({
        'x-latchkey-subject': user.sub,
        'x-latchkey-roles': user.roles?.join() ?? '',
        'x-latchkey-scope': machineOf(user)?.scope ?? '',
      })
      return user
    },
  )
}
