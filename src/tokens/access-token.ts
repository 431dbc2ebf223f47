import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.js'
import { type CustomClaims, isReservedClaim, readClaims } from '../custom-claims.js'
import { Problem } from '../errors.js'
import type { KeyRing } from '../keys/key-ring.js'
import { maxRoles, readRoles, rolePattern } from '../roles.js'
import {
  type Login,
  LoginClaims,
  type NamedLogin,
  toLoginClaims,
  toNamedLogin,
} from './login-claims.js'
import { createTokenKind, type VerificationRules } from './token-kind.js'

/** The form of `sub`: a UUID in lower case. */
export const subjectPattern = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'

/** The claims of every token about an account, as schemas. Times are in seconds since 1970. */
export const AccountClaims = {
  iss: Type.String({ description: 'The issuer: PUBLIC_URL' }),
  sub: Type.String({ pattern: subjectPattern, description: 'The id of the account, a UUID' }),
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

/**
 * The claims of a verified access token (RFC 9068 §2.2), as a schema. Further members are the
 * application's own.
 */
export const AccessClaimsSchema = Type.Object({
  ...AccountClaims,
  // Tokens of an earlier version lack it.
  client_id: Type.Optional(
    Type.Literal('latchkey', {
      description: 'The client that requested the token: always latchkey for people',
    }),
  ),
  ...LoginClaims,
  // A name with a comma would count as two in the header of GET /claims.
  roles: Type.Optional(
    Type.Array(Type.String({ pattern: rolePattern }), {
      maxItems: maxRoles,
      description:
        'The roles of the account at the time of issue (RFC 9068 §2.2.3.1). Absent without roles',
    }),
  ),
  ver: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        'The version of the account or machine client. A change of roles raises it, and so does everything that revokes the refresh tokens. Absent if it is 0',
    }),
  ),
})

/** The claims of a verified access token that Latchkey gives a meaning. */
export type AccessClaims = Static<typeof AccessClaimsSchema>

/**
 * The claims of a verified access token as routes get them: frozen, and shared by all requests
 * with this token. The application's own claims are of type `unknown`: check before use.
 */
export type CallerClaims = Readonly<Omit<AccessClaims, 'roles'>> & {
  readonly roles?: readonly string[]
} & Readonly<CustomClaims>

/** The parts of an account that its access tokens carry. `roles` and `claims` are columns. */
export interface TokenAccount {
  id: string
  roles: string
  claims: string
  accessVersion: number
}

/** A signed access token and its life in seconds. */
export interface IssuedAccessToken {
  accessToken: string
  expiresIn: number
}

/** Issues access tokens, and has the rules that verify them. */
export interface AccessTokens {
  /**
   * Signs a token for an account as it is now.
   *
   * @param jkt the thumbprint of the key to bind the token to; undefined for no key
   */
  issue: (account: TokenAccount, login: Login, jkt?: string) => IssuedAccessToken
  /**
   * Returns the login that a token names, whether or not the token has expired. Returns null if
   * the token is not valid for another reason, or is of an earlier version.
   */
  readLogin: (token: string) => NamedLogin | null
  /** Returns the claims of a token. Throws Problem `invalid_token`. */
  verify: (token: string) => AccessClaims
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
  const { sign, rules, verify, verifyUntimed } = createTokenKind<AccessClaims>({
    typ: 'at+jwt',
    schema: AccessClaimsSchema,
    audience,
    issuer,
    ring,
    clock,
    refuse: (detail) => new Problem('invalid_token', detail === undefined ? {} : { detail }),
  })
  return {
    issue: (account, login, jkt) => {
      const iat = Math.floor(clock() / 1000)
      return {
        accessToken: sign({
          ...ownClaims(account),
          sub: account.id,
          client_id: 'latchkey',
          iat,
          exp: iat + lifeSeconds,
          auth_time: login.authTime,
          ...toLoginClaims(login, jkt),
          ...accessOf(account),
        }),
        expiresIn: lifeSeconds,
      }
    },
    readLogin: (token) => {
      const claims = verifyUntimed(token)
      return claims && toNamedLogin(claims)
    },
    verify,
    rules,
  }
}

// A claim of the application must never replace one that verifiers trust, also if the database was
// edited by hand.
function ownClaims({ claims }: TokenAccount): object {
  return Object.fromEntries(
    Object.entries(readClaims(claims)).filter(([name]) => !isReservedClaim(name)),
  )
}

function accessOf({ roles, accessVersion }: TokenAccount): Pick<AccessClaims, 'roles' | 'ver'> {
  const names = readRoles(roles)
  return {
    ...(names.length > 0 && { roles: names }),
    ...(accessVersion > 0 && { ver: accessVersion }),
  }
}
