import { Type } from 'typebox'
import type { App } from '../http/app.js'
import { record } from '../http/audit.js'
import { hangUp } from '../http/hang-up.js'
import { deviceHeader, type Places } from '../http/places.js'
import { pageRoute } from '../http/page.js'
import { Accepted, Email, NoQuery, OneTimeToken, Password, TokenReply, toTokenReply } from '../http/schemas.js'
import type { ResendVerification } from './resend.js'
import type { VerifyEmail } from './verify.js'
import type { ChangeEmail } from './change.js'
import { undoEmailPage, verifyEmailPage } from './confirm.page.js'
import type { UndoEmailChange } from './undo.js'

const strict = { additionalProperties: false } as const

/** Proving, changing and bringing back an address, with the pages that the links of the mails lead to. */
export function emailRoutes (app: App, { verifyEmail, resendVerification, changeEmail, undoEmailChange, places }: { verifyEmail: VerifyEmail, resendVerification: ResendVerification, changeEmail: ChangeEmail, undoEmailChange: UndoEmailChange, places: Places }): void {
  pageRoute(app, verifyEmailPage)
  pageRoute(app, undoEmailPage)

  app.post('/email/verify', {
    config: { public: true, limit: 'link', problems: ['invalid_one_time_token', 'unavailable'] },
    schema: {
      operationId: 'verifyEmail',
      summary: 'Verify the e-mail address by a token from a mail',
      description: 'Takes the token of a sign-up, which can be repeated, and that of a change of the address, which takes effect by this, once. With the token of a sign-up under `SIGNUP_MODE=verify_first` the account is made by this, once, and logged in.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ token: OneTimeToken }, strict),
      response: {
        200: Type.Object({ email_verified: Type.Literal(true) }, { ...strict, description: 'The address is verified' }),
        201: { ...TokenReply, description: 'The account is made, with a verified address; the token is its first', headers: { location: { type: 'string', description: '/me' }, ...deviceHeader } }
      }
    }
  }, async (request, reply) => {
    const { account, did, tokens } = await verifyEmail(request.body.token)
    record(request, did, account.id)
    if (tokens === null) return { email_verified: true as const }
    places.remember(reply, account.email)
    return await reply.code(201).header('location', '/me').send(toTokenReply({ account, ...tokens }))
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
    record(request, 'email.verification_requested', null)
    return await reply.code(202).send({})
  })

  app.post('/email/change', {
    config: { limit: 'mail', problems: ['wrong_password', 'forbidden', 'overloaded', 'unavailable'] },
    schema: {
      operationId: 'changeEmail',
      summary: 'Ask for another e-mail address',
      description: 'Takes effect when the link of the mail to the new address is used. The answer does not tell whether that address has an account.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ new_email: Email, password: Password }, strict),
      response: { 202: { ...Accepted, description: 'A mail to the new address is on its way' } }
    }
  }, async (request, reply) => {
    const { new_email: newEmail, password } = request.body
    await changeEmail(request.user.sub, newEmail, { password, place: places.of(request) }, hangUp(reply))
    record(request, 'email.change_requested', request.user.sub)
    return await reply.code(202).send({})
  })

  app.post('/email/undo', {
    config: { public: true, limit: 'link', problems: ['invalid_one_time_token', 'unavailable'] },
    schema: {
      operationId: 'undoEmailChange',
      summary: 'Bring the former e-mail address back by the token of the notice',
      description: 'Ends every refresh token of the account.',
      tags: ['Account'],
      querystring: NoQuery,
      body: Type.Object({ token: OneTimeToken }, strict),
      response: { 204: Type.Null({ description: 'The account has its former address' }) }
    }
  }, async (request, reply) => {
    record(request, 'email.undone', await undoEmailChange(request.body.token))
    return await reply.code(204).send(null)
  })
}
