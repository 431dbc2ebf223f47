import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { record } from '../../http/audit.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader, type Places } from '../../limits/clients.js'
import { Email, Name } from '../../account/user.js'
import { Accepted, NoQuery, Password, TokenReply, toTokenReply } from '../../http/schemas.js'
import type { RequestSignup } from './request-signup.js'
import type { Signup } from './signup.js'

const SignupBody = Type.Object(
  { email: Email, password: Password, name: Type.Optional(Name) },
  { additionalProperties: false },
)

// One contract for both modes: a client that follows it works with every server.
const schema = {
  operationId: 'signup',
  summary: 'Make an account and log in',
  description:
    'With `SIGNUP_MODE=verify_first` the answer is 202 for every address, whether it has an account or not, and the account is made by the link of the mail, at `POST /email/verify`. A person who gets no mail signs up again.',
  tags: ['Account'],
  querystring: NoQuery,
  body: SignupBody,
  response: {
    201: {
      ...TokenReply,
      description: 'The account exists; the token is its first',
      headers: { location: { type: 'string', description: '/me' }, ...deviceHeader },
    },
    202: { ...Accepted, description: 'With `SIGNUP_MODE=verify_first`: a mail is on its way' },
  },
}
const problems = [
  'email_taken',
  'weak_password',
  'rate_limited',
  'overloaded',
  'unavailable',
] as const

/** Signing up for `SIGNUP_MODE=instant`. */
export function signupRoute(
  app: App,
  { signup, places }: { signup: Signup; places: Places },
): void {
  app.post(
    '/signup',
    { config: { public: true, limit: 'signup', problems }, schema: { ...schema } },
    async (request, reply) => {
      const session = await signup(request.body, {
        network: places.of(request).network,
        signal: hangUp(reply),
      })
      record(request, 'signup.ok', session.account.id)
      places.remember(reply, session.account.email)
      return await reply.code(201).header('location', '/me').send(toTokenReply(session))
    },
  )
}

/** Signing up for `SIGNUP_MODE=verify_first`. */
export function requestSignupRoute(
  app: App,
  { requestSignup, places }: { requestSignup: RequestSignup; places: Places },
): void {
  app.post(
    '/signup',
    { config: { public: true, limit: 'mailed-signup', problems }, schema: { ...schema } },
    async (request, reply) => {
      await requestSignup(request.body, {
        network: places.of(request).network,
        signal: hangUp(reply),
      })
      record(request, 'signup.requested', null)
      return await reply.code(202).send({})
    },
  )
}
