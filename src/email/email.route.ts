import { Type } from 'typebox'
import type { App } from '../http/app.js'
import { pageRoute } from '../http/page.js'
import { Accepted, Email, NoQuery, OneTimeToken } from '../http/schemas.js'
import type { ResendVerification } from './resend.js'
import type { VerifyEmail } from './verify.js'
import { verifyEmailPage } from './verify.page.js'

const strict = { additionalProperties: false } as const

export function emailRoutes (app: App, { verifyEmail, resendVerification }: { verifyEmail: VerifyEmail, resendVerification: ResendVerification }): void {
  pageRoute(app, verifyEmailPage)

  app.post('/email/verify', {
    config: { public: true, problems: ['invalid_one_time_token', 'unavailable'] },
    schema: {
      operationId: 'verifyEmail',
      summary: 'Verify the e-mail address by a token from a mail',
      description: 'Can be repeated.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ token: OneTimeToken }, strict),
      response: { 200: Type.Object({ email_verified: Type.Literal(true) }, { ...strict, description: 'The address is verified' }) }
    }
  }, async (request) => {
    await verifyEmail(request.body.token)
    return { email_verified: true as const }
  })

  app.post('/email/resend', {
    config: { public: true, limit: 'mail', problems: ['unavailable'] },
    schema: {
      operationId: 'resendVerification',
      summary: 'Ask for the mail with the link to verify the address once more',
      description: 'The answer is the same whether the address has an account or not.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ email: Email }, strict),
      response: { 202: { ...Accepted, description: 'If the address has an account that is not verified, a mail is on its way' } }
    }
  }, async (request, reply) => {
    await resendVerification(request.body.email)
    return await reply.code(202).send({})
  })
}
