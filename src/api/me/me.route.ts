import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { Name, toUser } from '../../account/user.js'
import { NoQuery, Password, User } from '../../http/schemas.js'
import { createMe } from './me.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Reads the account of the access token. */
export function readMeRoute(app: App, services: Services): void {
  const { read } = createMe(services)
  app.get(
    '/me',
    {
      config: { problems: ['forbidden', 'unavailable'] },
      schema: {
        operationId: 'readMe',
        summary: 'Read the account',
        description: '`GET /claims` is enough to know the id of the caller, and needs no database.',
        tags: ['Account'],
        querystring: NoQuery,
        response: { 200: { ...User, description: 'The account' } },
      },
    },
    async (request) => toUser(await read(request.user.sub)),
  )
}

/** Changes the name. */
export function updateMeRoute(app: App, services: Services): void {
  const { rename } = createMe(services)
  app.patch(
    '/me',
    {
      config: { limit: 'name', problems: ['forbidden', 'unavailable'] },
      schema: {
        operationId: 'updateMe',
        summary: 'Change the name',
        description: 'Null removes it. The address and the password have routes of their own.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ name: Name }, strict),
        response: { 200: { ...User, description: 'The account as it is now' } },
      },
    },
    async (request) => toUser(await rename(request.user.sub, request.body.name)),
  )
}

/** Deletes the account. */
export function deleteMeRoute(app: App, services: Services): void {
  addDeletion(app, services, {
    method: 'DELETE',
    url: '/me',
    operationId: 'deleteMe',
    summary: 'Delete the account and all its data',
  })
}

/** Deletes the account, for clients behind a proxy that drops the body of DELETE. */
export function deleteMeByPostRoute(app: App, services: Services): void {
  addDeletion(app, services, {
    method: 'POST',
    url: '/me/delete',
    operationId: 'deleteMeByPost',
    summary: 'Delete the account, without the method DELETE',
  })
}

interface Deletion {
  method: 'DELETE' | 'POST'
  url: string
  operationId: string
  summary: string
}

function addDeletion(
  app: App,
  services: Services,
  { method, url, operationId, summary }: Deletion,
): void {
  const { remove } = createMe(services)
  app.route({
    method,
    url,
    config: {
      limit: 'deletion',
      problems: ['wrong_password', 'last_admin', 'forbidden', 'overloaded', 'unavailable'],
    },
    schema: {
      operationId,
      summary,
      description:
        'Access tokens of the account expire within minutes; `/me` refuses them at once. `DELETE /me` and `POST /me/delete` do the same: some proxies drop the body of a DELETE.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ password: Password }, strict),
      response: { 204: Type.Null({ description: 'The account is deleted' }) },
    },
    handler: async (request, reply) => {
      await remove(
        request.user.sub,
        { password: request.body.password, client: services.clients.clientOf(request) },
        hangUp(reply),
      )
      audit(request, 'account.deleted', request.user.sub)
      services.tokenCookies.clearUsed(request, reply)
      return await reply.code(204).send(null)
    },
  })
}
