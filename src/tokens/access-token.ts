import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createTokenKind, type VerificationRules } from './token-kind.js'

const subject = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

/** What every token about an account says, as a schema. Times are in seconds since 1970. */
export const AccountClaims = {
  iss: Type.String({ description: 'The issuer: PUBLIC_URL' }),
  sub: Type.String({ pattern: subject, description: 'The id of the account, a UUID' }),
  aud: Type.Union([Type.String(), Type.Array(Type.String())], {
    description: 'Whom the token is for: TOKEN_AUDIENCE',
  }),
  iat: Type.Integer({ minimum: 0, description: 'When it was issued, in seconds since 1970' }),
  exp: Type.Integer({ minimum: 0, description: 'When it ends, in seconds since 1970' }),
  nbf: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Before when it is not valid, in seconds since 1970' }),
  ),
  jti: Type.String({ minLength: 1, description: 'The id of the token' }),
  auth_time: Type.Integer({
    minimum: 0,
    description: 'When the password was given, in seconds since 1970',
  }),
}

/** What a verified access token says (RFC 9068 §2.2), as a schema. */
export const AccessClaimsSchema = Type.Object({
  ...AccountClaims,
  // Tokens of an earlier version have none.
  client_id: Type.Optional(
    Type.Literal('latchkey', {
      description: 'The client that asked for the token: the constant latchkey for people',
    }),
  ),
})

/** What a verified access token says. */
export type AccessClaims = Static<typeof AccessClaimsSchema>

/** A signed access token and its life in seconds. */
export interface IssuedAccessToken {
  accessToken: string
  expiresIn: number
}

/** Makes access tokens and knows by which rules they are verified. */
export interface AccessTokens {
  /**
   * Signs a token for an account.
   *
   * @param authTime when the password was given, in seconds since 1970
   */
  issue: (accountId: string, authTime: number) => IssuedAccessToken
  /** Refusals are Problem `invalid_token`. */
  rules: VerificationRules<AccessClaims>
}

/** What {@link createAccessTokens} needs. */
export interface AccessTokensDeps {
  ring: KeyRing
  issuer: string
  audience: string
  lifeSeconds: number
  clock: Clock
}

/** Access tokens for one audience, that live `lifeSeconds`. */
export function createAccessTokens({
  ring,
  issuer,
  audience,
  lifeSeconds,
  clock,
}: AccessTokensDeps): AccessTokens {
  const { sign, rules } = createTokenKind<AccessClaims>({
    typ: 'at+jwt',
    schema: AccessClaimsSchema,
    audience,
    issuer,
    ring,
    clock,
    refuse: (detail) => new Problem('invalid_token', detail === undefined ? {} : { detail }),
  })
  return {
    issue: (accountId, authTime) => {
      const iat = Math.floor(clock() / 1000)
      return {
        accessToken: sign({
          sub: accountId,
          client_id: 'latchkey',
          iat,
          exp: iat + lifeSeconds,
          auth_time: authTime,
        }),
        expiresIn: lifeSeconds,
      }
    },
    rules,
  }
}
