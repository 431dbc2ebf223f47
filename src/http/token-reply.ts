import { type Static, Type } from 'typebox'
import { exampleUser, toUser, type User } from '../account/user.js'
import type { Account } from '../store/accounts.js'
import type { IssuedTokens } from '../tokens/issue.js'
import { Duration } from './duration.js'

const strict = { additionalProperties: false } as const

const expiresIn = { expires_in: Duration('Life of the access token in seconds') }
const refreshExpiresIn = {
  refresh_expires_in: Duration('Life of the refresh token in seconds'),
  user: Type.Unsafe<User>({ $ref: 'User#' }),
}

const example = {
  access_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIs…',
  token_type: 'Bearer',
  expires_in: 600,
  refresh_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6InJ0K2p3dCIs…',
  refresh_expires_in: 2592000,
  user: exampleUser,
}
const { access_token: _access, refresh_token: _refresh, ...exampleOfCookies } = example

const BearerTokensObject = Type.Object(
  {
    access_token: Type.String({
      description: 'A signed JWT (RFC 9068). Send it as "Authorization: Bearer <access_token>"',
    }),
    token_type: Type.Literal('Bearer'),
    ...expiresIn,
    refresh_token: Type.String({
      description: 'For POST /refresh and POST /logout alone. Protect it like a password',
    }),
    ...refreshExpiresIn,
  },
  {
    ...strict,
    $id: 'BearerTokens',
    description: 'Tokens that the client stores itself',
    examples: [example],
  },
)

const DpopTokensObject = Type.Object(
  {
    access_token: Type.String({
      description: 'Bound to the key of the proof. Send it as "Authorization: DPoP <access_token>"',
    }),
    token_type: Type.Literal('DPoP'),
    ...expiresIn,
    refresh_token: Type.String({
      description: 'For POST /refresh, with a proof by the same key, and for POST /logout',
    }),
    ...refreshExpiresIn,
  },
  {
    ...strict,
    $id: 'DpopTokens',
    description: 'Tokens that are worth nothing without the key of the client (RFC 9449)',
    examples: [{ ...example, token_type: 'DPoP' }],
  },
)

const CookieTokensObject = Type.Object(
  { token_type: Type.Literal('Cookie'), ...expiresIn, ...refreshExpiresIn },
  {
    ...strict,
    $id: 'CookieTokens',
    description: 'The tokens are in cookies that scripts cannot read',
    examples: [{ ...exampleOfCookies, token_type: 'Cookie' }],
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
  examples: [example],
})

/** `TokenReply`, by its name in the contract. */
export const TokenReply = Type.Unsafe<Tokens>({ $ref: 'TokenReply#' })

/** The schemas that {@link TokenReply} consists of. */
export const tokenReplySchemas = [
  BearerTokensObject,
  DpopTokensObject,
  CookieTokensObject,
  TokenReplyObject,
]

/** The member of a request that asks for cookies. */
export const Transport = Type.Optional(
  Type.Literal('cookie', {
    description:
      'Puts the tokens into cookies that scripts cannot read, instead of the reply. Only for pages of this server and of CORS_ORIGINS. Not together with a DPoP proof',
  }),
)

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
