import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader, type Places } from '../../limits/clients.js'
import { Email } from '../../account/user.js'
import { NoQuery, Password, TokenReply, toTokenReply } from '../../http/schemas.js'
import type { Login } from './login.js'

const LoginBody = Type.Object({ email: Email, password: Password }, { additionalProperties: false })

/**
 * Tokens for a right password; the device is known from then on, and its attempts count apart
 * from those of strangers.
 */
export function loginRoute(app: App, { login, places }: { login: Login; places: Places }): void {
  app.post(
    '/login',
    {
      config: {
        public: true,
        problems: [
          'invalid_credentials',
          'account_disabled',
          'email_unverified',
          'rate_limited',
          'overloaded',
          'unavailable',
        ],
      },
      schema: {
        operationId: 'login',
        summary: 'Log in with e-mail and password',
        tags: ['Account'],
        querystring: NoQuery,
        body: LoginBody,
        response: {
          200: { ...TokenReply, description: 'The password is right', headers: deviceHeader },
        },
      },
    },
    async (request, reply) => {
      const session = await login(request.body, places.of(request), hangUp(reply))
      record(request, 'login.ok', session.account.id)
      places.remember(reply, session.account.email)
      return toTokenReply(session)
    },
  )
}
