import { type Static, Type } from 'typebox'
import { ownAudiences } from '../audiences.js'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access-token.js'
import {
  type Login,
  LoginClaims,
  type NamedLogin,
  toLoginClaims,
  toNamedLogin,
} from './login-claims.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createTokenKind } from './token-kind.js'

const RefreshClaimsSchema = Type.Object({
  ...AccountClaims,
  ...LoginClaims,
  epoch: Type.Integer({ minimum: 0 }),
})

/**
 * The claims of a verified refresh token. `epoch` is the epoch of the account at the time of
 * issue.
 */
export type RefreshClaims = Static<typeof RefreshClaimsSchema>

/** A signed refresh token and its life in seconds. */
export interface IssuedRefreshToken {
  refreshToken: string
  refreshExpiresIn: number
}

/**
 * Issues and verifies refresh tokens. They have an audience of their own and are for this API
 * alone.
 */
export interface RefreshTokens {
  /**
   * Signs a token for an account. It expires after `lifeSeconds`, at the latest `maxSeconds`
   * after the login (ASVS 7.3.2).
   *
   * @param jkt the thumbprint of the key to bind the token to; undefined for no key
   * @throws Problem `invalid_refresh_token` if `maxSeconds` have passed since then
   */
  issue: (
    account: { id: string; tokenEpoch: number },
    login: Login,
    jkt?: string,
  ) => IssuedRefreshToken
  /**
   * Returns the claims of a token. Does not look at the account.
   *
   * @throws Problem `invalid_refresh_token` if the token is not valid, without a reason
   */
  verify: (token: string) => RefreshClaims
  /**
   * Returns the login that a token names, whether or not the token has expired. Returns null if
   * the token is not valid for another reason, or is of an earlier version.
   */
  readLogin: (token: string) => NamedLogin | null
}

/** The dependencies of {@link createRefreshTokens}. */
export interface RefreshTokensDeps {
  ring: KeyRing
  issuer: string
  lifeSeconds: number
  maxSeconds: number
  clock: Clock
}

/**
 * Creates refresh tokens with a sliding lifetime of `lifeSeconds`. The chain of refreshes ends
 * `maxSeconds` after the login.
 */
export function createRefreshTokens({
  ring,
  issuer,
  lifeSeconds,
  maxSeconds,
  clock,
}: RefreshTokensDeps): RefreshTokens {
  const refuse = () => new Problem('invalid_refresh_token')
  const { sign, verify, verifyUntimed } = createTokenKind<RefreshClaims>({
    typ: 'rt+jwt',
    schema: RefreshClaimsSchema,
    audience: ownAudiences(issuer).refresh,
    formerAudience: issuer,
    issuer,
    ring,
    clock,
    refuse,
  })
  return {
    issue: ({ id, tokenEpoch }, login, jkt) => {
      const { authTime } = login
      const iat = Math.floor(clock() / 1000)
      const exp = Math.min(iat + lifeSeconds, authTime + maxSeconds)
      // The chain may have ended while the account was read.
      if (exp <= iat) throw refuse()
      return {
        refreshToken: sign({
          sub: id,
          iat,
          exp,
          auth_time: authTime,
          epoch: tokenEpoch,
          ...toLoginClaims(login, jkt),
        }),
        refreshExpiresIn: exp - iat,
      }
    },
    verify: (token) => {
      const claims = verify(token)
      // No leeway here: a chain of refreshes ends at one exact time, whatever the `exp` of the
      // token is.
      if (clock() / 1000 >= claims.auth_time + maxSeconds) throw refuse()
      return claims
    },
    readLogin: (token) => {
      const claims = verifyUntimed(token)
      return claims && toNamedLogin(claims)
    },
  }
}
