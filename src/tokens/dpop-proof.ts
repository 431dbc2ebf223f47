import { createHash } from 'node:crypto'
import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import type { KeyRing } from '../keys/key-ring.js'
import { isCompactJws } from './compact-form.js'
import { createProofKeys, importProofKey } from './dpop-key.js'
import { createDpopNonces } from './dpop-nonce.js'
import { readPart, refuseProof } from './dpop-part.js'
import { createUsedProofs } from './dpop-replay.js'

/** The algorithms that proofs may be signed with, for metadata and challenges. */
export { dpopAlgorithms } from './dpop-key.js'

/** The min number of keys to remember. The max is twice as many, some 5 KiB each. */
const rememberedKeys = 5000

/** The min number of used proofs to remember. The max is twice as many, some 100 bytes each. */
const rememberedProofs = 50_000

/** The max length of a `jti` in characters. */
const maxIdLength = 256

/** A request as a proof must describe it. */
export interface ProvenRequest {
  /** The method as it was sent. */
  method: string
  /** PUBLIC_URL and the path of the request. A query or fragment is ignored. */
  url: string
  /** The access token that the proof must be bound to; absent at token endpoints. */
  accessToken?: string | undefined
}

/** The result of a valid proof. */
export interface Proven {
  /** The RFC 7638 thumbprint of the key that signed, SHA-256, in base64url. */
  jkt: string
  /** Whether the proof has the current nonce. Otherwise the client should be sent that one. */
  isNonceCurrent: boolean
}

/**
 * Verifies DPoP proofs (RFC 9449 §4.3). A nonce is always required. So `iat` is not compared
 * with the clock (RFC 9449 §11.1).
 */
export interface DpopProofs {
  /**
   * Verifies a proof for a request, and remembers it: a proof is valid once.
   *
   * @throws Problem
   *
   *   - `use_dpop_nonce` if the nonce is missing or not accepted now
   *   - `invalid_dpop_proof` if anything else is wrong
   */
  verify: (proof: string, request: ProvenRequest) => Proven
  /** Returns the nonce that clients should use now. */
  currentNonce: () => string
}

/** The dependencies of {@link createDpopProofs}. */
export interface DpopProofsDeps {
  ring: Pick<KeyRing, 'oldestKey'>
  clock: Clock
}

/** Creates a verifier with an empty memory of used proofs. */
export function createDpopProofs({ ring, clock }: DpopProofsDeps): DpopProofs {
  const nonces = createDpopNonces({ ring, clock })
  const keys = createProofKeys(rememberedKeys)
  const used = createUsedProofs(rememberedProofs, clock)
  return {
    verify: (proof, request) => {
      if (!isCompactJws(proof)) throw refuseProof('The proof is not a compact JWS.')
      const [header, payload, signature] = proof.split('.') as [string, string, string]
      const { jti, nonce } = readClaims(payload, request)
      // Before the signature: the first proof of each client has no nonce.
      if (nonce === undefined || !nonces.isAccepted(nonce)) throw new Problem('use_dpop_nonce')
      const known = keys.find(header)
      const key = known ?? importProofKey(header)
      if (!key.verifies(`${header}.${payload}`, Buffer.from(signature, 'base64url')))
        throw refuseProof('The signature is not valid for "jwk".')
      if (known === undefined) keys.remember(header, key)
      if (!used.add(key.jkt, jti))
        throw refuseProof('The proof was used before. Sign a new one, with a new "jti".')
      return { jkt: key.jkt, isNonceCurrent: nonce === nonces.current() }
    },
    currentNonce: nonces.current,
  }
}

/** Checks every claim but the values of `jti` and `nonce` (RFC 9449 §4.2). */
function readClaims(
  payload: string,
  { method, url, accessToken }: ProvenRequest,
): { jti: string; nonce: string | undefined } {
  const { jti, htm, htu, iat, ath, nonce } = readPart(payload, 'payload')
  if (typeof jti !== 'string' || jti.length < 1 || jti.length > maxIdLength)
    throw refuseProof(`"jti" must be a string of 1 to ${maxIdLength} characters.`)
  if (typeof iat !== 'number') throw refuseProof('"iat" must be a number.')
  if (htm !== method) throw refuseProof('"htm" must be the method of the request.')
  const expected = targetOf(url)
  if (expected === null || typeof htu !== 'string' || targetOf(htu) !== expected)
    throw refuseProof('"htu" must be the public URL of the request.')
  // Without an access token, `ath` has no meaning and is ignored (RFC 9449 §4.3, 12).
  if (accessToken !== undefined && ath !== hashOf(accessToken))
    throw refuseProof('"ath" must be the SHA-256 of the access token, in base64url.')
  if (nonce !== undefined && typeof nonce !== 'string')
    throw refuseProof('"nonce" must be a string.')
  return { jti, nonce }
}

/** Returns a URL in normal form without query and fragment; null if it cannot be a target. */
function targetOf(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, username, password, origin, pathname } = new URL(text)
  const isHttp = protocol === 'https:' || protocol === 'http:'
  return isHttp && username === '' && password === '' ? origin + pathname : null
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
