import {
  AuditEventList,
  type AuditEventJson,
  AuditQuery,
  ShownAuditQuery,
} from '../../http/admin-schemas.js'
import { callerOf } from '../../http/audit.js'
import type { App } from '../../http/fastify.js'
import { adminRole } from '../../roles.js'
import { readUsersScope } from '../../scopes.js'
import type { Services } from '../../services.js'
import { createFindActs } from './find-acts.js'

type Entry = Awaited<ReturnType<ReturnType<typeof createFindActs>>>['entries'][number]

/** Lists the acts of admins and operators. */
export function auditRoute(app: App, services: Services): void {
  const findActs = createFindActs(services)
  app.get(
    '/admin/audit',
    {
      config: {
        roles: [adminRole],
        scopes: [readUsersScope],
        limit: 'admin',
        query: ShownAuditQuery,
        problems: ['forbidden', 'unavailable'],
      },
      schema: {
        operationId: 'listAuditEvents',
        summary: 'List the acts of admins and operators',
        description:
          'Newest first. Repeat the call with `cursor` until `next_cursor` is null. Events of people, such as logins, are in the log of the server.',
        tags: ['Admin'],
        querystring: AuditQuery,
        response: { 200: { ...AuditEventList, description: 'A page of acts' } },
      },
    },
    async (request) => {
      const { entries, nextCursor } = await findActs(callerOf(request), request.query)
      return { events: entries.map(toJson), next_cursor: nextCursor }
    },
  )
}

function toJson({ id, at, actor, event, subject, requestId, details }: Entry): AuditEventJson {
  return {
    id,
    at: at.toISOString(),
    actor,
    event,
    user: subject,
    request_id: requestId,
    details: JSON.parse(details) as object,
  }
}
