import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { deviceHeader, type Places } from '../../limits/clients.js'
import { pageRoute } from '../../http/page.js'
import { Email } from '../../account/user.js'
import { Accepted, NoQuery, OneTimeToken, TokenReply, toTokenReply } from '../../http/schemas.js'
import type { ResendVerification } from './resend-verification.js'
import type { VerifyEmail } from './verify.js'
import { verifyEmailPage } from './verify.page.js'

const strict = { additionalProperties: false } as const

/** Proving an address, with the page that the link of the mail leads to. */
export function verifyEmailRoutes(
  app: App,
  {
    verifyEmail,
    resendVerification,
    places,
  }: { verifyEmail: VerifyEmail; resendVerification: ResendVerification; places: Places },
): void {
  pageRoute(app, verifyEmailPage)

  app.post(
    '/email/verify',
    {
      config: { public: true, limit: 'link', problems: ['invalid_one_time_token', 'unavailable'] },
      schema: {
        operationId: 'verifyEmail',
        summary: 'Verify the e-mail address by a token from a mail',
        description:
          'Takes the token of a verification, which can be repeated. The token of a sign-up under `SIGNUP_MODE=verify_first` creates the account, once, and logs it in.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken }, strict),
        response: {
          200: Type.Object(
            { email_verified: Type.Literal(true) },
            { ...strict, description: 'The address is verified' },
          ),
          201: {
            ...TokenReply,
            description: 'The account is made, with a verified address; the token is its first',
            headers: { location: { type: 'string', description: '/me' }, ...deviceHeader },
          },
        },
      },
    },
    async (request, reply) => {
      const { account, did, tokens } = await verifyEmail(request.body.token)
      record(request, did, account.id)
      if (tokens === null) return { email_verified: true as const }
      places.remember(reply, account.email)
      return await reply
        .code(201)
        .header('location', '/me')
        .send(toTokenReply({ account, ...tokens }))
    },
  )

  app.post(
    '/email/resend',
    {
      config: { public: true, limit: 'mail', problems: ['unavailable'] },
      schema: {
        operationId: 'resendVerification',
        summary: 'Ask for the mail with the link to verify the address once more',
        description: 'The answer is the same whether the address has an account or not.',
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
      record(request, 'email.verification_requested', null)
      return await reply.code(202).send({})
    },
  )
}
