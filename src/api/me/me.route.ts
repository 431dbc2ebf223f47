import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import type { Places } from '../../limits/clients.js'
import { Name, toUser } from '../../account/user.js'
import { NoQuery, Password, User } from '../../http/schemas.js'
import type { Me } from './me.js'

const strict = { additionalProperties: false } as const

/** Reading, renaming and deleting the account of the access token. */
export function meRoutes(app: App, { me, places }: { me: Me; places: Places }): void {
  app.get(
    '/me',
    {
      config: { problems: ['forbidden', 'unavailable'] },
      schema: {
        operationId: 'readMe',
        summary: 'Read the account',
        tags: ['Account'],
        querystring: NoQuery,
        response: { 200: { ...User, description: 'The account' } },
      },
    },
    async (request) => toUser(await me.read(request.user.sub)),
  )

  app.patch(
    '/me',
    {
      config: { limit: 'account', problems: ['forbidden', 'unavailable'] },
      schema: {
        operationId: 'updateMe',
        summary: 'Change the name',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ name: Name }, strict),
        response: { 200: { ...User, description: 'The account as it is now' } },
      },
    },
    async (request) => toUser(await me.rename(request.user.sub, request.body.name)),
  )

  app.delete(
    '/me',
    {
      config: {
        limit: 'account',
        problems: ['wrong_password', 'forbidden', 'overloaded', 'unavailable'],
      },
      schema: {
        operationId: 'deleteMe',
        summary: 'Delete the account and all its data',
        description:
          'Access tokens of the account end on their own within minutes; `/me` refuses them at once.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ password: Password }, strict),
        response: { 204: Type.Null({ description: 'The account is gone' }) },
      },
    },
    async (request, reply) => {
      await me.remove(
        request.user.sub,
        { password: request.body.password, place: places.of(request) },
        hangUp(reply),
      )
      record(request, 'account.deleted', request.user.sub)
      return await reply.code(204).send(null)
    },
  )
}
