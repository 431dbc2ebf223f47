import { Type } from 'typebox'
import type { App } from '../http/app.js'
import { hangUp } from '../http/hang-up.js'
import { NoQuery, Password, TokenReply, toTokenReply } from '../http/schemas.js'
import type { ChangePassword } from './change.js'

const ChangePasswordBody = Type.Object({ current_password: Password, new_password: Password }, { additionalProperties: false })

export function changePasswordRoute (app: App, { changePassword }: { changePassword: ChangePassword }): void {
  app.post('/password/change', {
    config: { problems: ['wrong_password', 'email_unverified', 'weak_password', 'forbidden', 'overloaded', 'unavailable'] },
    schema: {
      operationId: 'changePassword',
      summary: 'Change the password',
      description: 'Everyone else is logged out: every refresh token of the account ends at once. Go on with the tokens of the reply.',
      tags: ['Account'],
      querystring: NoQuery,
      body: ChangePasswordBody,
      response: { 200: { ...TokenReply, description: 'The password is changed; new tokens for the caller' } }
    }
  }, async (request, reply) => {
    const { current_password: current, new_password: next } = request.body
    return toTokenReply(await changePassword(request.user.sub, { current, next }, hangUp(reply)))
  })
}
