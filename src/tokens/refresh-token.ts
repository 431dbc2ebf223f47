import { type Static, Type } from 'typebox'
import { ownAudiences } from '../audiences.js'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { AccountClaims } from './access-token.js'
import type { KeyRing } from '../keys/key-ring.js'
import { createTokenKind } from './token-kind.js'

const RefreshClaimsSchema = Type.Object({ ...AccountClaims, epoch: Type.Integer({ minimum: 0 }) })

/** What a verified refresh token says; `epoch` is the account's at the time. */
export type RefreshClaims = Static<typeof RefreshClaimsSchema>

/** A signed refresh token and its life in seconds. */
export interface IssuedRefreshToken {
  refreshToken: string
  refreshExpiresIn: number
}

/**
 * Makes and verifies refresh tokens. They are for this API alone, and have an audience of their
 * own.
 */
export interface RefreshTokens {
  /**
   * Signs a token for an account. It lives `lifeSeconds`, but never beyond `authTime` +
   * `maxSeconds` (ASVS 7.3.2).
   *
   * @param authTime when the password was given, in seconds since 1970
   * @throws Problem `invalid_refresh_token` when that was too long ago
   */
  issue: (account: { id: string; tokenEpoch: number }, authTime: number) => IssuedRefreshToken
  /**
   * The claims of a token, whose account has not been looked at. Throws Problem
   * `invalid_refresh_token`, which never says why.
   */
  verify: (token: string) => RefreshClaims
}

/** What {@link createRefreshTokens} needs. */
export interface RefreshTokensDeps {
  ring: KeyRing
  issuer: string
  lifeSeconds: number
  maxSeconds: number
  clock: Clock
}

/** Tokens that slide for `lifeSeconds`, in chains that end `maxSeconds` after the login. */
export function createRefreshTokens({
  ring,
  issuer,
  lifeSeconds,
  maxSeconds,
  clock,
}: RefreshTokensDeps): RefreshTokens {
  const refuse = () => new Problem('invalid_refresh_token')
  const { sign, verify } = createTokenKind<RefreshClaims>({
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
    issue: ({ id, tokenEpoch }, authTime) => {
      const iat = Math.floor(clock() / 1000)
      const exp = Math.min(iat + lifeSeconds, authTime + maxSeconds)
      // The end may have come while the account was read.
      if (exp <= iat) throw refuse()
      return {
        refreshToken: sign({ sub: id, iat, exp, auth_time: authTime, epoch: tokenEpoch }),
        refreshExpiresIn: exp - iat,
      }
    },
    verify: (token) => {
      const claims = verify(token)
      // No leeway here: the end of a chain of refreshes is one moment, whatever the token says.
      if (clock() / 1000 >= claims.auth_time + maxSeconds) throw refuse()
      return claims
    },
  }
}
