import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader, type Places } from '../../limits/clients.js'
import { NoQuery, Password, TokenReply, toTokenReply } from '../../http/schemas.js'
import type { ChangePassword } from './change-password.js'

const ChangePasswordBody = Type.Object(
  { current_password: Password, new_password: Password },
  { additionalProperties: false },
)

/** Answers with new tokens, because the refresh token of the caller has ended with all others. */
export function changePasswordRoute(
  app: App,
  { changePassword, places }: { changePassword: ChangePassword; places: Places },
): void {
  app.post(
    '/password/change',
    {
      config: {
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
          'Everyone else is logged out: every refresh token of the account ends at once. Go on with the tokens of the reply.',
        tags: ['Account'],
        querystring: NoQuery,
        body: ChangePasswordBody,
        response: {
          200: {
            ...TokenReply,
            description: 'The password is changed; new tokens for the caller',
            headers: deviceHeader,
          },
        },
      },
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body
      const session = await changePassword(
        request.user.sub,
        { current, next },
        places.of(request),
        hangUp(reply),
      )
      record(request, 'password.changed', session.account.id)
      places.remember(reply, session.account.email)
      return toTokenReply(session)
    },
  )
}
