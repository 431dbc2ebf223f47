import { Type } from 'typebox'
import { Claims, Roles, toAdminUser } from '../../account/admin-user.js'
import { Email, Name } from '../../account/user.js'
import { AccountPath, AdminUser } from '../../http/admin-schemas.js'
import { actorOf, callerOf } from '../../http/audit.js'
import { ignoreBodies } from '../../http/bodies.js'
import type { App } from '../../http/fastify.js'
import { NoQuery } from '../../http/schemas.js'
import { adminRole } from '../../roles.js'
import { readUsersScope, writeUsersScope } from '../../scopes.js'
import type { Services } from '../../services.js'
import { createEditUsers } from './edit-users.js'

const path = '/admin/users/:id'
const config = { roles: [adminRole], scopes: [writeUsersScope], limit: 'admin' } as const
const problems = ['forbidden', 'not_found', 'unavailable'] as const
const common = { tags: ['Admin'], querystring: NoQuery, params: AccountPath }

const UserChangesBody = Type.Object(
  {
    name: Type.Optional(Name),
    email: Type.Optional(Email),
    email_verified: Type.Optional(Type.Boolean()),
    roles: Type.Optional(Roles),
    claims: Type.Optional(Claims),
    disabled: Type.Optional(Type.Boolean()),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    examples: [{ roles: ['editor'], claims: { team: 'blue' } }],
  },
)

/** Reads an account. */
export function readUserRoute(app: App, services: Services): void {
  const { read } = createEditUsers(services)
  app.get(
    path,
    {
      config: { ...config, scopes: [readUsersScope], problems },
      schema: {
        ...common,
        operationId: 'readUser',
        summary: 'Read an account',
        description: 'Text that is not a UUID names no account: 404.',
        response: { 200: { ...AdminUser, description: 'The account' } },
      },
    },
    async (request) => toAdminUser(await read(callerOf(request), request.params.id)),
  )
}

/** Changes an account. */
export function updateUserRoute(app: App, services: Services): void {
  const { change } = createEditUsers(services)
  app.patch(
    path,
    {
      config: {
        ...config,
        limit: 'admin-address',
        problems: [...problems, 'email_taken', 'last_admin'],
      },
      schema: {
        ...common,
        operationId: 'updateUser',
        summary: 'Change an account',
        description:
          'Changes only the members that are named, in one statement. `roles` and `claims` are replaced as a whole. Another address revokes every refresh token and every link to undo a change, and is mailed to the former one. It counts as verified only with `email_verified`. `disabled` revokes every refresh token. The address of your own account is changed with `POST /email/change`.',
        body: UserChangesBody,
        response: { 200: { ...AdminUser, description: 'The account as it is now' } },
      },
    },
    async (request) => toAdminUser(await change(actorOf(request), request.params.id, request.body)),
  )
}

/** Deletes an account. */
export function deleteUserRoute(app: App, services: Services): void {
  const { remove } = createEditUsers(services)
  addWithoutBody(app, (api) => {
    api.delete(
      path,
      {
        config: { ...config, problems: [...problems, 'last_admin'] },
        schema: {
          ...common,
          operationId: 'deleteUser',
          summary: 'Delete an account and all its data',
          description:
            'A mail tells its address and its former addresses. Your own account is deleted with `DELETE /me`.',
          response: { 204: Type.Null({ description: 'The account is deleted' }) },
        },
      },
      async (request, reply) => {
        await remove(actorOf(request), request.params.id)
        return await reply.code(204).send(null)
      },
    )
  })
}

/** Logs an account out everywhere. */
export function logoutUserRoute(app: App, services: Services): void {
  const { logout } = createEditUsers(services)
  addWithoutBody(app, (api) => {
    api.post(
      `${path}/logout`,
      {
        config: { ...config, problems },
        schema: {
          ...common,
          operationId: 'logoutUser',
          summary: 'Log an account out everywhere',
          description: 'Revokes every refresh token. Access tokens expire within minutes.',
          response: { 204: Type.Null({ description: 'Every refresh token is revoked' }) },
        },
      },
      async (request, reply) => {
        await logout(actorOf(request), request.params.id)
        return await reply.code(204).send(null)
      },
    )
  })
}

// Clients send an empty body with the type of JSON, too.
function addWithoutBody(app: App, add: (api: App) => void): void {
  app.register(async (api: App) => {
    ignoreBodies(api)
    add(api)
  })
}
