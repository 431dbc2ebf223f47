import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { Email } from '../../account/user.js'
import { Accepted, NoQuery } from '../../http/schemas.js'
import { createResendVerification } from './resend-verification.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Requests the mail to verify an address again. */
export function resendVerificationRoute(app: App, services: Services): void {
  const resendVerification = createResendVerification(services)
  app.post(
    '/email/resend',
    {
      config: { public: true, limit: 'mail', problems: ['unavailable'] },
      schema: {
        operationId: 'resendVerification',
        summary: 'Request the mail with the link to verify the address again',
        description: 'The reply is the same whether or not the address has an account.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ email: Email }, strict),
        response: {
          202: {
            ...Accepted,
            description: 'If the address has an account that is not verified, a mail is on its way',
          },
        },
      },
    },
    async (request, reply) => {
      await resendVerification(request.body.email)
      audit(request, 'email.verification_requested', null)
      return await reply.code(202).send({})
    },
  )
}
