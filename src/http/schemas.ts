import type { FastifyInstance } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { problemKinds } from '../errors.js'
import { exampleUser, UserObject } from '../account/user.js'
import { AccessClaimsSchema, type CallerClaims } from '../tokens/access-token.js'
import { MachineClaimsSchema } from '../tokens/machine-token.js'
import { adminSchemas } from './admin-schemas.js'
import { exampleUrl } from './examples.js'
import { oauthSchemas } from './oauth.js'
import { maxFieldErrors } from './problems.js'
import { tokenReplySchemas } from './token-reply.js'

const strict = { additionalProperties: false } as const

const exampleClaims = {
  iss: exampleUrl,
  sub: exampleUser.id,
  aud: exampleUrl,
  iat: 1767323045,
  exp: 1767323645,
  jti: '4b1c8f8e-6c1d-4b0e-9a53-1e5d8a0c7f21',
  auth_time: 1767323045,
  client_id: 'latchkey',
  sid: 'q2Yk0c3m9hZ8TtVwLr1xGA',
}

const time = { format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const

/**
 * The password of a request. The policy checks its length, so that the error can give the
 * reason.
 */
export const Password = Type.String({
  description: '8 to 256 characters, hard to guess; compared verbatim after Unicode NFKC',
  examples: ['brass-lantern-under-the-stair'],
})

/** The token of a link from a mail. */
export const OneTimeToken = Type.String({
  description: 'The part after `#token=` in the link of the mail',
  examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6InJlc2V0K2p3dCIs…'],
})

/** An empty body, which reveals nothing. */
export const Accepted = Type.Object({}, { ...strict, description: 'Empty' })

const SignupPendingObject = Type.Object(
  { status: Type.Literal('mail_sent') },
  {
    ...strict,
    $id: 'SignupPending',
    description: 'A mail is on its way. It is the same for every address',
    examples: [{ status: 'mail_sent' }],
  },
)

/** `SignupPending`, by its name in the contract. */
export const SignupPending = named(SignupPendingObject)

/** The query of a route without parameters. */
export const NoQuery = Type.Object({}, strict)

/** `User`, by its name in the contract. */
export const User = named(UserObject)

const { iat, exp, nbf, auth_time: authTime, ver } = AccessClaimsSchema.properties

const ClaimsObject = Type.Object(
  {
    ...AccessClaimsSchema.properties,
    iat: Type.Integer({ ...iat, ...time }),
    exp: Type.Integer({ ...exp, ...time }),
    nbf: Type.Optional(Type.Integer({ ...nbf, ...time })),
    auth_time: Type.Optional(
      Type.Integer({
        ...authTime,
        ...time,
        description: 'The time of the login, in seconds since 1970. Absent for machine clients',
      }),
    ),
    client_id: Type.Optional(
      Type.String({
        description: '`latchkey` for people; for machine clients the same as `sub`',
      }),
    ),
    scope: MachineClaimsSchema.properties.scope,
    ver: Type.Optional(Type.Integer({ ...ver, format: 'int32', maximum: 2 ** 31 - 1 })),
  },
  {
    additionalProperties: true,
    $id: 'Claims',
    description:
      'The verified claims of an access token. Further members are the own claims of the application',
    examples: [exampleClaims],
  },
)

/** `Claims`, by its name in the contract. */
export const Claims = Type.Unsafe<CallerClaims>({ $ref: 'Claims#' })

const ProblemObject = Type.Object(
  {
    type: Type.String({ description: 'The URL that explains the code' }),
    title: Type.String(),
    status: Type.Integer({ format: 'int32', minimum: 400, maximum: 599 }),
    code: Type.Enum(Object.keys(problemKinds), { description: 'The stable code; switch on it' }),
    detail: Type.String({ description: 'What to do' }),
    request_id: Type.String(),
    error: Type.Optional(
      Type.Enum(['use_dpop_nonce', 'invalid_dpop_proof'], {
        description: 'With these codes: the same word, for OAuth libraries (RFC 9449 §5)',
      }),
    ),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({
            description: 'JSON Pointer (RFC 6901) into the body, or the name of a query or header',
          }),
          detail: Type.String(),
        }),
        {
          description: 'With invalid_request: the members that are not valid',
          maxItems: maxFieldErrors,
        },
      ),
    ),
    reasons: Type.Optional(
      Type.Array(Type.Enum(['too_short', 'too_long', 'too_guessable', 'contains_email']), {
        description: 'With weak_password: the reasons',
        maxItems: 4,
      }),
    ),
  },
  { $id: 'Problem', description: 'The one shape of every error (RFC 9457)' },
)

/** Adds the shared schemas, so that routes can refer to them. */
export function addSchemas(app: FastifyInstance): void {
  const shared = [
    UserObject,
    ...adminSchemas,
    ...tokenReplySchemas,
    ...oauthSchemas,
    SignupPendingObject,
    ClaimsObject,
    ProblemObject,
  ]
  for (const schema of shared) app.addSchema(schema)
}

// Keeps the type of a schema, but shows only its name in the contract.
function named<S extends TSchema & { $id?: string }>(schema: S) {
  return Type.Unsafe<Static<S>>({ $ref: `${schema.$id}#` })
}
