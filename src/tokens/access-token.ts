import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import type { KeyRing } from '../keys/key-ring.js'
import {
  type Login,
  LoginClaims,
  type NamedLogin,
  toLoginClaims,
  toNamedLogin,
} from './login-claims.js'
import { createTokenKind, type VerificationRules } from './token-kind.js'

const subject = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

/** The claims of every token about an account, as schemas. Times are in seconds since 1970. */
export const AccountClaims = {
  iss: Type.String({ description: 'The issuer: PUBLIC_URL' }),
  sub: Type.String({ pattern: subject, description: 'The id of the account, a UUID' }),
  aud: Type.Union([Type.String(), Type.Array(Type.String())], {
    description: 'The audience: TOKEN_AUDIENCE',
  }),
  iat: Type.Integer({ minimum: 0, description: 'The time of issue, in seconds since 1970' }),
  exp: Type.Integer({ minimum: 0, description: 'The expiry time, in seconds since 1970' }),
  nbf: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: 'The token is not valid before this time, in seconds since 1970',
    }),
  ),
  jti: Type.String({ minLength: 1, description: 'The id of the token' }),
  auth_time: Type.Integer({
    minimum: 0,
    description: 'The time of the login, in seconds since 1970',
  }),
}

/** The claims of a verified access token (RFC 9068 §2.2), as a schema. */
export const AccessClaimsSchema = Type.Object({
  ...AccountClaims,
  // Tokens of an earlier version lack it.
  client_id: Type.Optional(
    Type.Literal('latchkey', {
      description: 'The client that requested the token: always latchkey for people',
    }),
  ),
  ...LoginClaims,
})

/** The claims of a verified access token. */
export type AccessClaims = Static<typeof AccessClaimsSchema>

/** A signed access token and its life in seconds. */
export interface IssuedAccessToken {
  accessToken: string
  expiresIn: number
}

/** Issues access tokens, and has the rules that verify them. */
export interface AccessTokens {
  /**
   * Signs a token for an account.
   *
   * @param jkt the thumbprint of the key to bind the token to; undefined for no key
   */
  issue: (accountId: string, login: Login, jkt?: string) => IssuedAccessToken
  /**
   * Returns the login that a token names, whether or not the token has expired. Returns null if
   * the token is not valid for another reason, or is of an earlier version.
   */
  readLogin: (token: string) => NamedLogin | null
  /** The rules. They throw Problem `invalid_token`. */
  rules: VerificationRules<AccessClaims>
}

/** The dependencies of {@link createAccessTokens}. */
export interface AccessTokensDeps {
  ring: KeyRing
  issuer: string
  audience: string
  lifeSeconds: number
  clock: Clock
}

/** Creates access tokens for one audience, which expire after `lifeSeconds`. */
export function createAccessTokens({
  ring,
  issuer,
  audience,
  lifeSeconds,
  clock,
}: AccessTokensDeps): AccessTokens {
  const { sign, rules, verifyUntimed } = createTokenKind<AccessClaims>({
    typ: 'at+jwt',
    schema: AccessClaimsSchema,
    audience,
    issuer,
    ring,
    clock,
    refuse: (detail) => new Problem('invalid_token', detail === undefined ? {} : { detail }),
  })
  return {
    issue: (accountId, login, jkt) => {
      const iat = Math.floor(clock() / 1000)
      return {
        accessToken: sign({
          sub: accountId,
          client_id: 'latchkey',
          iat,
          exp: iat + lifeSeconds,
          auth_time: login.authTime,
          ...toLoginClaims(login, jkt),
        }),
        expiresIn: lifeSeconds,
      }
    },
    readLogin: (token) => {
      const claims = verifyUntimed(token)
      return claims && toNamedLogin(claims)
    },
    rules,
  }
}
