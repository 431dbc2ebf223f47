import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import type { Guard } from '../../http/guard.js'
import { hangUp } from '../../http/hang-up.js'
import { pageRoute } from '../../http/page.js'
import type { Places } from '../../limits/clients.js'
import { Email, toUser } from '../../account/user.js'
import { Accepted, NoQuery, OneTimeToken, Password, User } from '../../http/schemas.js'
import { changeEmailPage } from './change-email.page.js'
import type { ChangeEmail } from './change-email.js'
import type { ConfirmEmailChange } from './confirm-email-change.js'

const strict = { additionalProperties: false } as const

/** What {@link changeEmailRoutes} needs. */
export interface ChangeEmailRoutesDeps {
  changeEmail: ChangeEmail
  confirmEmailChange: ConfirmEmailChange
  guard: Guard
  places: Places
}

/**
 * Asking for another address and confirming it, with the page that the link of the mail leads
 * to.
 */
export function changeEmailRoutes(
  app: App,
  { changeEmail, confirmEmailChange, guard, places }: ChangeEmailRoutesDeps,
): void {
  pageRoute(app, changeEmailPage)

  app.post(
    '/email/change',
    {
      config: {
        limit: 'mail',
        problems: ['wrong_password', 'forbidden', 'overloaded', 'unavailable'],
      },
      schema: {
        operationId: 'changeEmail',
        summary: 'Ask for another e-mail address',
        description:
          'The link of the mail to the new address leads to `POST /email/change/confirm`. The reply does not tell whether that address has an account. At most 10 changes in 7 days: 429 beyond that.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ new_email: Email, password: Password }, strict),
        response: { 202: { ...Accepted, description: 'A mail to the new address is on its way' } },
      },
    },
    async (request, reply) => {
      const { new_email: newEmail, password } = request.body
      await changeEmail(
        request.user.sub,
        newEmail,
        { password, place: places.of(request) },
        hangUp(reply),
      )
      record(request, 'email.change_requested', request.user.sub)
      return await reply.code(202).send({})
    },
  )

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
        summary: 'Change the e-mail address by the token of the mail to the new one',
        description:
          'Needs the access token of the account in the `Authorization` header, or its password in the body. An access token of another account counts as none. The link works once; after ten wrong passwords it is dead. The former address is told; if it was verified, with a link to `POST /email/undo`.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken, password: Type.Optional(Password) }, strict),
        response: { 200: { ...User, description: 'The account, with its new address' } },
      },
    },
    async (request, reply) => {
      const { token, password } = request.body
      const caller = await guard.callerOf(request)
      const confirmation = password === undefined ? null : { password, place: places.of(request) }
      const account = await confirmEmailChange(
        token,
        { callerId: caller?.sub ?? null, confirmation },
        hangUp(reply),
      )
      record(request, 'email.changed', account.id)
      return toUser(account)
    },
  )
}
