import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { Email } from '../../account/user.js'
import { Accepted, NoQuery, Password } from '../../http/schemas.js'
import { createChangeEmail } from './change-email.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Requests a change of the e-mail address. */
export function changeEmailRoute(app: App, services: Services): void {
  const changeEmail = createChangeEmail(services)
  const { clients } = services
  app.post(
    '/email/change',
    {
      config: {
        limit: 'mail',
        problems: ['wrong_password', 'forbidden', 'overloaded', 'unavailable'],
      },
      schema: {
        operationId: 'changeEmail',
        summary: 'Request a change of the e-mail address',
        description:
          'The link in the mail to the new address leads to `POST /email/change/confirm`. The reply does not reveal whether that address has an account. At most 10 changes in 7 days; 429 beyond that.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object(
          { new_email: { ...Email, examples: ['ada@example.com'] }, password: Password },
          strict,
        ),
        response: { 202: { ...Accepted, description: 'A mail to the new address is on its way' } },
      },
    },
    async (request, reply) => {
      const { new_email: newEmail, password } = request.body
      await changeEmail(
        request.user.sub,
        newEmail,
        { password, client: clients.clientOf(request) },
        hangUp(reply),
      )
      audit(request, 'email.change_requested', request.user.sub)
      return await reply.code(202).send({})
    },
  )
}
