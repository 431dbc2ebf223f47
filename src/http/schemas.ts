import type { FastifyInstance } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { problemKinds } from '../errors.js'
import { exampleUser, toUser, UserObject } from '../account/user.js'
import type { Account } from '../store/accounts.js'
import { AccessClaimsSchema } from '../tokens/access-token.js'
import type { IssuedTokens } from '../tokens/issue.js'
import { exampleUrl } from './examples.js'
import { maxFieldErrors } from './problems.js'

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

// The bounds of integers, for clients that are generated from the contract.
const int32 = { format: 'int32', minimum: 0, maximum: 2 ** 31 - 1 } as const
const time = { format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const

/** A number of seconds in a reply. */
export const Duration = (description: string, example?: number) =>
  Type.Integer({ ...int32, description, ...(example !== undefined && { examples: [example] }) })

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

const lifetimes = {
  expires_in: Duration('Life of the access token in seconds'),
  refresh_expires_in: Duration('Life of the refresh token in seconds'),
  user: Type.Unsafe<Static<typeof UserObject>>({ $ref: 'User#' }),
}

const exampleLifetimes = { expires_in: 600, refresh_expires_in: 2592000, user: exampleUser }
const exampleTokens = {
  access_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIs…',
  refresh_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6InJ0K2p3dCIs…',
}

const BearerTokensObject = Type.Object(
  {
    access_token: Type.String({
      description: 'A signed JWT (RFC 9068). Send it as "Authorization: Bearer <access_token>"',
    }),
    token_type: Type.Literal('Bearer'),
    refresh_token: Type.String({
      description: 'For POST /refresh and POST /logout alone. Protect it like a password',
    }),
    ...lifetimes,
  },
  {
    ...strict,
    $id: 'BearerTokens',
    description: 'Tokens that the client stores itself',
    examples: [{ ...exampleTokens, token_type: 'Bearer', ...exampleLifetimes }],
  },
)

const DpopTokensObject = Type.Object(
  {
    access_token: Type.String({
      description: 'Bound to the key of the proof. Send it as "Authorization: DPoP <access_token>"',
    }),
    token_type: Type.Literal('DPoP'),
    refresh_token: Type.String({
      description: 'For POST /refresh, with a proof by the same key, and for POST /logout',
    }),
    ...lifetimes,
  },
  {
    ...strict,
    $id: 'DpopTokens',
    description: 'Tokens that are worth nothing without the key of the client (RFC 9449)',
    examples: [{ ...exampleTokens, token_type: 'DPoP', ...exampleLifetimes }],
  },
)

const CookieTokensObject = Type.Object(
  { token_type: Type.Literal('Cookie'), ...lifetimes },
  {
    ...strict,
    $id: 'CookieTokens',
    description: 'The tokens are in cookies that scripts cannot read',
    examples: [{ token_type: 'Cookie', ...exampleLifetimes }],
  },
)

type Tokens = Static<
  typeof BearerTokensObject | typeof DpopTokensObject | typeof CookieTokensObject
>

const TokenReplyObject = Type.Unsafe<Tokens>({
  $id: 'TokenReply',
  description: 'The tokens of a sign-up, a login or a refresh. `token_type` says how they are held',
  oneOf: [{ $ref: 'BearerTokens#' }, { $ref: 'DpopTokens#' }, { $ref: 'CookieTokens#' }],
  discriminator: {
    propertyName: 'token_type',
    mapping: {
      Bearer: '#/components/schemas/BearerTokens',
      DPoP: '#/components/schemas/DpopTokens',
      Cookie: '#/components/schemas/CookieTokens',
    },
  },
  examples: [{ ...exampleTokens, token_type: 'Bearer', ...exampleLifetimes }],
})

/** The member of a request that asks for cookies. */
export const Transport = Type.Optional(
  Type.Literal('cookie', {
    description:
      'Puts the tokens into cookies that scripts cannot read, instead of the reply. Only for pages of this server and of CORS_ORIGINS. Not together with a DPoP proof',
  }),
)

/** `User`, by its name in the contract. */
export const User = named(UserObject)

/** `TokenReply`, by its name in the contract. */
export const TokenReply = Type.Unsafe<Tokens>({ $ref: 'TokenReply#' })

const { iat, exp, nbf, auth_time: authTime } = AccessClaimsSchema.properties

const ClaimsObject = Type.Object(
  {
    ...AccessClaimsSchema.properties,
    iat: Type.Integer({ ...iat, ...time }),
    exp: Type.Integer({ ...exp, ...time }),
    nbf: Type.Optional(Type.Integer({ ...nbf, ...time })),
    auth_time: Type.Integer({ ...authTime, ...time }),
  },
  {
    $id: 'Claims',
    description: 'The verified claims of an access token',
    examples: [exampleClaims],
  },
)

/** `Claims`, by its name in the contract. */
export const Claims = named(ClaimsObject)

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
    BearerTokensObject,
    DpopTokensObject,
    CookieTokensObject,
    TokenReplyObject,
    SignupPendingObject,
    ClaimsObject,
    ProblemObject,
  ]
  for (const schema of shared) app.addSchema(schema)
}

/** Returns the body of a reply with tokens. The tokens of cookies are not in it. */
export function toTokenReply(
  account: Account,
  { accessToken, expiresIn, refreshToken, refreshExpiresIn }: IssuedTokens,
  tokenType: Tokens['token_type'],
): Tokens {
  const common = {
    expires_in: expiresIn,
    refresh_expires_in: refreshExpiresIn,
    user: toUser(account),
  }
  if (tokenType === 'Cookie') return { token_type: tokenType, ...common }
  return {
    access_token: accessToken,
    token_type: tokenType,
    expires_in: expiresIn,
    refresh_token: refreshToken,
    refresh_expires_in: refreshExpiresIn,
    user: common.user,
  }
}

// Keeps the type of a schema, but shows only its name in the contract.
function named<S extends TSchema & { $id?: string }>(schema: S) {
  return Type.Unsafe<Static<S>>({ $ref: `${schema.$id}#` })
}
