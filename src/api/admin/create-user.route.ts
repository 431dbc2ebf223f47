import { Type } from 'typebox'
import { Claims, Roles, toAdminUser } from '../../account/admin-user.js'
import { Email, Name } from '../../account/user.js'
import { AdminUser } from '../../http/admin-schemas.js'
import { actorOf } from '../../http/audit.js'
import type { App } from '../../http/fastify.js'
import { hangUp } from '../../http/hang-up.js'
import { prefixOf } from '../../http/prefix.js'
import { NoQuery } from '../../http/schemas.js'
import { adminRole } from '../../roles.js'
import { writeUsersScope } from '../../scopes.js'
import type { Services } from '../../services.js'
import { createCreateUser } from './create-user.js'

const NewUserBody = Type.Object(
  {
    email: Email,
    name: Type.Optional(Name),
    roles: Type.Optional(Roles),
    claims: Type.Optional(Claims),
    email_verified: Type.Optional(
      Type.Boolean({ description: 'Whether the address counts as verified; false by default' }),
    ),
    password: Type.Optional(
      Type.String({ description: 'By the rules of a sign-up. Not with `invite`' }),
    ),
    invite: Type.Optional(
      Type.Literal(true, {
        description:
          'Mails a link to choose a password, for 7 days. Its use verifies the address. Not with `password`',
        examples: [true],
      }),
    ),
  },
  { additionalProperties: false },
)

/** Creates an account, with a password or by an invitation. */
export function createUserRoute(app: App, services: Services): void {
  const createUser = createCreateUser(services)
  const { clients, config } = services
  app.post(
    '/admin/users',
    {
      config: {
        roles: [adminRole],
        scopes: [writeUsersScope],
        limit: 'admin-address',
        problems: ['forbidden', 'email_taken', 'weak_password', 'overloaded', 'unavailable'],
      },
      schema: {
        operationId: 'createUser',
        summary: 'Create or invite an account',
        description:
          'Send either a password or `"invite": true`. An invitation that is lost or has expired is replaced by `POST /password/forgot`. 503 `overloaded`: too many invitations wait for the mail server; try again after `Retry-After`.',
        tags: ['Admin'],
        querystring: NoQuery,
        body: NewUserBody,
        response: {
          201: {
            ...AdminUser,
            description: 'The account was created',
            headers: {
              Location: {
                type: 'string',
                description: '`/admin/users/{id}`, after the path of PUBLIC_URL',
              },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const account = await createUser(actorOf(request), request.body, {
        network: clients.clientOf(request).network,
        signal: hangUp(reply),
      })
      reply.header('location', `${prefixOf(config.PUBLIC_URL)}/admin/users/${account.id}`)
      return await reply.code(201).send(toAdminUser(account))
    },
  )
}
