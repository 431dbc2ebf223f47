import { createHash, randomUUID } from 'node:crypto'
import { forge, type Jwk, makeJwk, publicPart, type Signer, signer, thumbprint } from './forge.js'

/** The changes to a good proof. A member that is undefined is left out. */
export interface ProofChanges {
  header?: unknown
  claims?: Record<string, unknown>
  sign?: Signer
}

/** Makes DPoP proofs by hand, good ones and bad ones, with one key. */
export interface Prover {
  jwk: Jwk
  jkt: string
  header: Record<string, unknown>
  make: (claims: Record<string, unknown>, changes?: ProofChanges) => string
}

/** A prover with a key of its own. */
export function createProver(alg: 'ES256' | 'EdDSA' = 'ES256'): Prover {
  const jwk = makeJwk(alg)
  const own = signer(jwk)
  const header = { typ: 'dpop+jwt', alg, jwk: publicPart(jwk) }
  return {
    jwk,
    jkt: thumbprint(jwk),
    header,
    make: (claims, { header: changed = header, claims: more = {}, sign = own } = {}) =>
      forge(changed, { jti: randomUUID(), iat: 1, ...claims, ...more }, sign),
  }
}

/** The `ath` of an access token. */
export function athOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
