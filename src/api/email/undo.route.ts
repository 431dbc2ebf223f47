import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { Duration } from '../../http/duration.js'
import { NoQuery, OneTimeToken } from '../../http/schemas.js'
import { createUndoEmailChange } from './undo.js'
import type { Services } from '../../services.js'
import { oneTimeSeconds } from '../../tokens/lifetimes.js'

const strict = { additionalProperties: false } as const

const UndoReply = Type.Object(
  {
    reset_token: Type.String({
      description: 'For `POST /password/reset`',
      examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6InJlc2V0K2p3dCIs…'],
    }),
    expires_in: Duration('Lifetime of the reset token in seconds', oneTimeSeconds.reset),
  },
  {
    ...strict,
    description: 'The account has its former address; choose a new password with the token',
  },
)

/** Takes an account back with the token of the notice to a former address. */
export function undoEmailChangeRoute(app: App, services: Services): void {
  const undoEmailChange = createUndoEmailChange(services)
  app.post(
    '/email/undo',
    {
      config: {
        public: true,
        limit: 'link',
        problems: ['invalid_one_time_token', 'email_taken', 'unavailable'],
      },
      schema: {
        operationId: 'undoEmailChange',
        summary: 'Take the account back with the token of the notice to a former address',
        description:
          'The account gets that address back, and its password becomes unusable. Every refresh token is revoked, and so are the links of all later changes. An unverified account that was created on the address meanwhile is deleted. For any other account the reply is `email_taken`, and the link stays valid.',
        tags: ['Account'],
        querystring: NoQuery,
        body: Type.Object({ token: OneTimeToken }, strict),
        response: { 200: UndoReply },
      },
    },
    async (request) => {
      const { account, resetToken } = await undoEmailChange(request.body.token)
      audit(request, 'email.undone', account.id)
      return { reset_token: resetToken, expires_in: oneTimeSeconds.reset }
    },
  )
}
