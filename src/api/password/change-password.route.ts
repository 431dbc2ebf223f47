import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader } from '../../limits/clients.js'
import { NoQuery, Password } from '../../http/schemas.js'
import { TokenReply, Transport } from '../../http/token-reply.js'
import { createChangePassword } from './change-password.js'
import type { Services } from '../../services.js'

const ChangePasswordBody = Type.Object(
  { current_password: Password, new_password: Password, transport: Transport },
  { additionalProperties: false },
)

/**
 * Changes the password. Responds with new tokens, because the change also revokes the refresh
 * token of the caller.
 */
export function changePasswordRoute(app: App, services: Services): void {
  const changePassword = createChangePassword(services)
  const { clients, sendTokens } = services
  app.post(
    '/password/change',
    {
      config: {
        tokens: true,
        limit: 'notice',
        problems: [
          'wrong_password',
          'email_unverified',
          'weak_password',
          'forbidden',
          'overloaded',
          'unavailable',
        ],
      },
      schema: {
        operationId: 'changePassword',
        summary: 'Change the password',
        description:
          'Logs out every other client: every refresh token of the account is revoked at once. Continue with the tokens of the reply.',
        tags: ['Account'],
        querystring: NoQuery,
        body: ChangePasswordBody,
        response: {
          200: {
            ...TokenReply,
            description: 'The password was changed; new tokens for the caller',
            headers: deviceHeader,
          },
        },
      },
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body
      const admitted = await changePassword(
        request.user.sub,
        { current, next },
        clients.clientOf(request),
        hangUp(reply),
      )
      await sendTokens(request, reply, admitted, { event: 'password.changed' })
    },
  )
}
