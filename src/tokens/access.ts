import { randomUUID } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { type Static, Type } from 'typebox'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { createChecker } from '../schema-check.js'
import type { KeyRing } from './key-ring.js'
import type { SigningKey } from './keys.js'

/** How far the clocks of issuer and verifier may be apart, in seconds, both ways. */
export const leewaySeconds = 30

/** What a verified access token says (RFC 9068 §2.2), as a schema. */
export const AccessClaimsSchema = Type.Object({
  iss: Type.String({ description: 'The issuer: PUBLIC_URL' }),
  sub: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'The id of the account, a UUID' }),
  aud: Type.Union([Type.String(), Type.Array(Type.String())], { description: 'Whom the token is for: TOKEN_AUDIENCE' }),
  iat: Type.Integer({ minimum: 0, description: 'When it was issued, in seconds since 1970' }),
  exp: Type.Integer({ minimum: 0, description: 'When it ends, in seconds since 1970' }),
  nbf: Type.Optional(Type.Integer({ minimum: 0, description: 'Before when it is not valid, in seconds since 1970' })),
  jti: Type.String({ minLength: 1, description: 'The id of the token' }),
  auth_time: Type.Integer({ minimum: 0, description: 'When the password was given, in seconds since 1970' })
})

/** What a verified access token says. */
export type AccessClaims = Static<typeof AccessClaimsSchema>

/** A signed access token and its life in seconds. */
export interface IssuedToken { accessToken: string, expiresIn: number }

/** Makes access tokens and knows by which rules they are verified. */
export interface AccessTokens {
  /** Signs a token for an account. @param authTime when the password was given, in seconds since 1970 */
  issue: (accountId: string, authTime: number) => IssuedToken
  rules: VerificationRules
}

/** By which rules a token is verified: its key, then what the signature covers, then the claims. */
export interface VerificationRules {
  /** The public key, as PEM, that a header's `kid` names, if its `alg` is the algorithm of that key (RFC 8725 §3.1). Throws Problem `invalid_token`. */
  keyFor: (header: Record<string, unknown>) => string
  /** Options of fast-jwt's verifier. Times are left to `check`, which goes by the injected clock. */
  options: { checkTyp: string, allowedIss: string, allowedAud: string, requiredClaims: string[], ignoreExpiration: true, ignoreNotBefore: true }
  /** The claims of a payload whose signature is right. Throws Problem `invalid_token`. */
  check: (payload: unknown) => AccessClaims
}

/** What {@link createAccessTokens} needs. */
export interface AccessTokensDeps { ring: KeyRing, issuer: string, audience: string, lifeSeconds: number, clock: Clock }

export function createAccessTokens ({ ring, issuer, audience, lifeSeconds, clock }: AccessTokensDeps): AccessTokens {
  const typ = 'at+jwt'
  const signers = new Map<string, (payload: object) => string>()
  const signerFor = ({ kid, alg, privatePem }: SigningKey) => {
    const signer = signers.get(kid) ?? createSigner({ key: privatePem, algorithm: alg, kid, header: { alg, typ } })
    signers.set(kid, signer)
    return signer
  }
  const misfits = createChecker(AccessClaimsSchema)
  return {
    issue: (accountId, authTime) => {
      const iat = Math.floor(clock() / 1000)
      const payload = { iss: issuer, sub: accountId, aud: audience, iat, exp: iat + lifeSeconds, jti: randomUUID(), auth_time: authTime } satisfies AccessClaims
      return { accessToken: signerFor(ring.signingKey())(payload), expiresIn: lifeSeconds }
    },
    rules: {
      keyFor: (header) => {
        const key = typeof header.kid === 'string' ? ring.find(header.kid) : undefined
        // No extension is understood here, so none may be critical (RFC 7515 §4.1.11).
        if (key === undefined || header.alg !== key.alg || 'crit' in header) throw new Problem('invalid_token')
        return key.publicPem
      },
      options: { checkTyp: typ, allowedIss: issuer, allowedAud: audience, requiredClaims: ['iss', 'sub', 'aud', 'iat', 'exp', 'jti', 'auth_time'], ignoreExpiration: true, ignoreNotBefore: true },
      check: (payload) => {
        if (misfits(payload).length > 0) throw new Problem('invalid_token')
        const claims = payload as AccessClaims
        const now = clock() / 1000
        if (now >= claims.exp + leewaySeconds) throw new Problem('invalid_token', { detail: 'The access token has expired.' })
        if (now < Math.max(claims.iat, claims.nbf ?? 0) - leewaySeconds) throw new Problem('invalid_token', { detail: 'The access token is not valid yet.' })
        return claims
      }
    }
  }
}
