import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { audit } from '../../http/audit.js'
import { Problem } from '../../errors.js'
import { hangUp } from '../../http/hang-up.js'
import { deviceHeader } from '../../limits/clients.js'
import { Email, Name } from '../../account/user.js'
import { NoQuery, Password, SignupPending } from '../../http/schemas.js'
import { TokenReply, Transport } from '../../http/token-reply.js'
import { createRequestSignup } from './request-signup.js'
import { createSignup } from './signup.js'
import type { Services } from '../../services.js'

const SignupBody = Type.Object(
  { email: Email, password: Password, name: Type.Optional(Name), transport: Transport },
  { additionalProperties: false },
)

// One contract for every mode, so that a client works with every server.
const schema = {
  operationId: 'signup',
  summary: 'Create an account and log in',
  description:
    'With `SIGNUP_MODE=verify_first` the reply is 202 for every address, with or without an account. The link in the mail creates the account, at `POST /email/verify`. A person who gets no mail signs up again. With `SIGNUP_MODE=closed` the reply is 403 `signup_closed`: only the operator creates accounts.',
  tags: ['Account'],
  querystring: NoQuery,
  body: SignupBody,
  response: {
    201: {
      ...TokenReply,
      description: 'The account was created; these are its first tokens',
      headers: {
        Location: { type: 'string', description: '`/me`, after the path of PUBLIC_URL' },
        ...deviceHeader,
      },
    },
    202: {
      ...SignupPending,
      description: 'With `SIGNUP_MODE=verify_first`: a mail is on its way',
    },
  },
}
const problems = [
  'signup_closed',
  'email_taken',
  'weak_password',
  'rate_limited',
  'overloaded',
  'unavailable',
] as const

function signupRoute(app: App, services: Services): void {
  const signup = createSignup(services)
  const { clients, sendTokens } = services
  app.post(
    '/signup',
    { config: { public: true, tokens: true, limit: 'signup', problems }, schema: { ...schema } },
    async (request, reply) => {
      const admitted = await signup(request.body, {
        network: clients.clientOf(request).network,
        signal: hangUp(reply),
      })
      await sendTokens(request, reply, admitted, { event: 'signup.ok', status: 201 })
    },
  )
}

function requestSignupRoute(app: App, services: Services): void {
  const requestSignup = createRequestSignup(services)
  const { clients } = services
  app.post(
    '/signup',
    {
      config: { public: true, tokens: true, limit: 'mailed-signup', problems },
      schema: { ...schema },
    },
    async (request, reply) => {
      await requestSignup(request.body, {
        network: clients.clientOf(request).network,
        signal: hangUp(reply),
      })
      audit(request, 'signup.requested', null)
      return await reply.code(202).send({ status: 'mail_sent' })
    },
  )
}

function closedSignupRoute(app: App): void {
  // Without `overloaded`, a full hash queue does not refuse the request first.
  const withoutHash = problems.filter((code) => code !== 'overloaded')
  app.post(
    '/signup',
    {
      config: { public: true, tokens: true, limit: 'signup', problems: withoutHash },
      schema: { ...schema },
    },
    async () => {
      throw new Problem('signup_closed')
    },
  )
}

/** The sign-up route of each SIGNUP_MODE. */
export const signupRoutes = {
  instant: signupRoute,
  verify_first: requestSignupRoute,
  closed: closedSignupRoute,
}
