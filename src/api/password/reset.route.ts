import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader } from '../../limits/clients.js'
import { NoQuery, OneTimeToken, Password } from '../../http/schemas.js'
import { createResetPassword } from './reset.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Sets a new password with the token of a mail. */
export function resetPasswordRoute(app: App, services: Services): void {
  const resetPassword = createResetPassword(services)
  const { clients } = services
  app.post(
    '/password/reset',
    {
      config: {
        public: true,
        limit: 'link',
        problems: ['invalid_one_time_token', 'weak_password', 'overloaded', 'unavailable'],
      },
      schema: {
        operationId: 'resetPassword',
        summary: 'Set a new password with a token from a mail',
        description:
          'Revokes every refresh token of the account, and does not log in. A token works once. After `weak_password` it stays valid; the tenth failure ends it.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken, new_password: Password }, strict),
        response: {
          204: Type.Null({
            description: 'The password was changed; log in with it',
            headers: deviceHeader,
          }),
        },
      },
    },
    async (request, reply) => {
      const { id, email } = await resetPassword(
        request.body.token,
        request.body.new_password,
        clients.clientOf(request),
        hangUp(reply),
      )
      audit(request, 'password.reset', id)
      clients.rememberDevice(reply, email)
      return await reply.code(204).send(null)
    },
  )
}
