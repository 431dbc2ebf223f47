import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { Email } from '../../account/user.js'
import { Accepted, NoQuery } from '../../http/schemas.js'
import { createForgotPassword } from './forgot.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Requests a mail with a link to set a new password. */
export function forgotPasswordRoute(app: App, services: Services): void {
  const forgotPassword = createForgotPassword(services)
  app.post(
    '/password/forgot',
    {
      config: { public: true, limit: 'mail', problems: ['unavailable'] },
      schema: {
        operationId: 'forgotPassword',
        summary: 'Request a mail with a link to set a new password',
        description: 'The reply is the same whether or not the address has an account.',
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
      audit(request, 'password.reset_requested', null)
      return await reply.code(202).send({})
    },
  )
}
