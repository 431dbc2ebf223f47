import { Type } from 'typebox'
import type { App } from '../http/app.js'
import { hangUp } from '../http/hang-up.js'
import { deviceHeader, type Places } from '../http/places.js'
import { Email, Name, NoQuery, Password, TokenReply, toTokenReply } from '../http/schemas.js'
import type { Signup } from './signup.js'

const SignupBody = Type.Object({ email: Email, password: Password, name: Type.Optional(Name) }, { additionalProperties: false })

export function signupRoute (app: App, { signup, places }: { signup: Signup, places: Places }): void {
  app.post('/signup', {
    config: { public: true, limit: 'signup', problems: ['email_taken', 'weak_password', 'overloaded', 'unavailable'] },
    schema: {
      operationId: 'signup',
      summary: 'Make an account and log in',
      tags: ['Account'],
      querystring: NoQuery,
      body: SignupBody,
      response: { 201: { ...TokenReply, description: 'The account exists; the token is its first', headers: { location: { type: 'string', description: '/me' }, ...deviceHeader } } }
    }
  }, async (request, reply) => {
    const session = await signup(request.body, hangUp(reply))
    places.remember(reply, session.account.email)
    return await reply.code(201).header('location', '/me').send(toTokenReply(session))
  })
}
