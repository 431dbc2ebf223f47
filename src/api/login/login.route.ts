import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader } from '../../limits/clients.js'
import { Email } from '../../account/user.js'
import { NoQuery, Password } from '../../http/schemas.js'
import { TokenReply, Transport } from '../../http/token-reply.js'
import { createLogin } from './login.js'
import type { Services } from '../../services.js'

const LoginBody = Type.Object(
  { email: Email, password: Password, transport: Transport },
  { additionalProperties: false },
)

/**
 * Issues tokens for the right password, and remembers the device. Attempts from it count apart
 * from those of strangers.
 */
export function loginRoute(app: App, services: Services): void {
  const login = createLogin(services)
  const { clients, sendTokens } = services
  app.post(
    '/login',
    {
      config: {
        public: true,
        tokens: true,
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
        description:
          'An unknown address and a wrong password get the same reply, after the same time. `account_disabled` and `email_unverified` come only after the right password.',
        tags: ['Account'],
        querystring: NoQuery,
        body: LoginBody,
        response: {
          200: { ...TokenReply, description: 'The password is right', headers: deviceHeader },
        },
      },
    },
    async (request, reply) => {
      const admitted = await login(request.body, clients.clientOf(request), hangUp(reply))
      await sendTokens(request, reply, admitted, { event: 'login.ok' })
    },
  )
}
