import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { toUser } from '../../account/user.js'
import { NoQuery, OneTimeToken, Password, User } from '../../http/schemas.js'
import { createConfirmEmailChange } from './confirm-email-change.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Changes the address with the token of the mail to the new address. */
export function confirmEmailChangeRoute(app: App, services: Services): void {
  const confirmEmailChange = createConfirmEmailChange(services)
  const { clients } = services
  app.post(
    '/email/change/confirm',
    {
      config: {
        public: true,
        limit: 'link',
        problems: [
          'invalid_one_time_token',
          'missing_token',
          'invalid_token',
          'wrong_password',
          'email_taken',
          'overloaded',
          'unavailable',
        ],
      },
      schema: {
        operationId: 'confirmEmailChange',
        summary: 'Change the e-mail address with the token of the mail to the new one',
        description:
          'Needs the access token of the account in the `Authorization` header, or its password in the body. An access token of another account counts as none. The link works once; after ten wrong passwords it is dead. The former address gets a notice. If it was verified, the notice has a link to `POST /email/undo`.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken, password: Type.Optional(Password) }, strict),
        response: { 200: { ...User, description: 'The account, with its new address' } },
      },
    },
    async (request, reply) => {
      const { token, password } = request.body
      const caller = await request.readCaller(reply)
      const confirmation =
        password === undefined ? null : { password, client: clients.clientOf(request) }
      const account = await confirmEmailChange(
        token,
        { callerId: caller?.sub ?? null, confirmation },
        hangUp(reply),
      )
      audit(request, 'email.changed', account.id)
      return toUser(account)
    },
  )
}
