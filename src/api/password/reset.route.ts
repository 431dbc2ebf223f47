import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader, type Places } from '../../limits/clients.js'
import { pageRoute } from '../../http/page.js'
import { Email } from '../../account/user.js'
import { Accepted, NoQuery, OneTimeToken, Password } from '../../http/schemas.js'
import type { ForgotPassword } from './forgot.js'
import type { ResetPassword } from './reset.js'
import { resetPasswordPage } from './reset.page.js'

const strict = { additionalProperties: false } as const

/** Asking for a link and using it, with the page that it leads to. */
export function resetPasswordRoutes(
  app: App,
  {
    forgotPassword,
    resetPassword,
    places,
  }: { forgotPassword: ForgotPassword; resetPassword: ResetPassword; places: Places },
): void {
  app.post(
    '/password/forgot',
    {
      config: { public: true, limit: 'mail', problems: ['unavailable'] },
      schema: {
        operationId: 'forgotPassword',
        summary: 'Ask for a mail with a link to set a new password',
        description: 'The answer is the same whether the address has an account or not.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ email: Email }, strict),
        response: {
          202: { ...Accepted, description: 'If the address has an account, a mail is on its way' },
        },
      },
    },
    async (request, reply) => {
      await forgotPassword(request.body.email)
      record(request, 'password.reset_requested', null)
      return await reply.code(202).send({})
    },
  )

  pageRoute(app, resetPasswordPage)

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
        summary: 'Set a new password by a token from a mail',
        description:
          'Ends every refresh token of the account and does not log in. A token works once; after `weak_password` it is still good, until the tenth time.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken, new_password: Password }, strict),
        response: {
          204: Type.Null({
            description: 'The password is changed; log in with it',
            headers: deviceHeader,
          }),
        },
      },
    },
    async (request, reply) => {
      const { id, email } = await resetPassword(
        request.body.token,
        request.body.new_password,
        places.of(request),
        hangUp(reply),
      )
      record(request, 'password.reset', id)
      places.remember(reply, email)
      return await reply.code(204).send(null)
    },
  )
}
