import { toAdminUser } from '../../account/admin-user.js'
import { AdminUserList, ShownUsersQuery, UsersQuery } from '../../http/admin-schemas.js'
import { callerOf } from '../../http/audit.js'
import type { App } from '../../http/fastify.js'
import { adminRole } from '../../roles.js'
import { readUsersScope } from '../../scopes.js'
import type { Services } from '../../services.js'
import { createFindUsers } from './find-users.js'

/** Lists and searches accounts. */
export function listUsersRoute(app: App, services: Services): void {
  const findUsers = createFindUsers(services)
  app.get(
    '/admin/users',
    {
      config: {
        roles: [adminRole],
        scopes: [readUsersScope],
        limit: 'admin',
        query: ShownUsersQuery,
        problems: ['forbidden', 'unavailable'],
      },
      schema: {
        operationId: 'listUsers',
        summary: 'List or search accounts',
        description:
          'In the order of creation; with `email_prefix` in the order of the addresses. Repeat the call with `cursor` until `next_cursor` is null.',
        tags: ['Admin'],
        querystring: UsersQuery,
        response: { 200: { ...AdminUserList, description: 'A page of accounts' } },
      },
    },
    async (request) => {
      const { entries, nextCursor } = await findUsers(callerOf(request), request.query)
      return { users: entries.map(toAdminUser), next_cursor: nextCursor }
    },
  )
}
