import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { deviceHeader } from '../../limits/clients.js'
import { NoQuery, OneTimeToken } from '../../http/schemas.js'
import { TokenReply, Transport } from '../../http/token-reply.js'
import { createVerifyEmail } from './verify.js'
import type { Services } from '../../services.js'

const strict = { additionalProperties: false } as const

/** Verifies an address with the token of a mail. */
export function verifyEmailRoute(app: App, services: Services): void {
  const verifyEmail = createVerifyEmail(services)
  const { sendTokens } = services
  app.post(
    '/email/verify',
    {
      config: {
        public: true,
        tokens: true,
        limit: 'link',
        problems: ['invalid_one_time_token', 'signup_closed', 'unavailable'],
      },
      schema: {
        operationId: 'verifyEmail',
        summary: 'Verify the e-mail address with a token from a mail',
        description:
          'Takes the token of a verification, which can be repeated. Also takes the token of a sign-up under `SIGNUP_MODE=verify_first`, once: it creates the account and logs it in. `SIGNUP_MODE=closed` refuses the token of a sign-up.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken, transport: Transport }, strict),
        response: {
          200: Type.Object(
            { email_verified: Type.Literal(true) },
            { ...strict, description: 'The address is verified' },
          ),
          201: {
            ...TokenReply,
            description:
              'The account was created with a verified address; these are its first tokens',
            headers: {
              Location: { type: 'string', description: '`/me`, after the path of PUBLIC_URL' },
              ...deviceHeader,
            },
          },
        },
      },
    },
    async (request, reply) => {
      const verified = await verifyEmail(request.body.token)
      if ('admitted' in verified) {
        const { admitted } = verified
        return await sendTokens(request, reply, admitted, { event: 'signup.ok', status: 201 })
      }
      audit(request, 'email.verified', verified.account.id)
      return { email_verified: true as const }
    },
  )
}
