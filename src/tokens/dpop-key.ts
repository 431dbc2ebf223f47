import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { isJsonObject, readPart, refuseProof } from './dpop-part.js'

/** The algorithms that proofs may be signed with (RFC 7518 §3.4, RFC 8037 §3.1). */
export const dpopAlgorithms = ['ES256', 'EdDSA'] as const

/** The public key of a proof. */
export interface ProofKey {
  /** The RFC 7638 thumbprint, SHA-256, in base64url. */
  jkt: string
  /** Returns whether a signature over a text is valid. */
  verifies: (text: string, signature: Uint8Array) => boolean
}

/**
 * A cache of imported keys by the exact text of a proof's header. Only keys of proofs with a
 * valid signature may be added.
 */
export interface ProofKeys {
  find: (header: string) => ProofKey | undefined
  remember: (header: string, key: ProofKey) => void
}

interface KeyType {
  kty: string
  crv: string
  /** The required members besides `crv` and `kty`, in lexicographic order (RFC 7638 §3.2). */
  coordinates: readonly string[]
  hash: 'sha256' | null
}

const keyTypes: Record<(typeof dpopAlgorithms)[number], KeyType> = {
  ES256: { kty: 'EC', crv: 'P-256', coordinates: ['x', 'y'], hash: 'sha256' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', coordinates: ['x'], hash: null },
}

/** The members of private and symmetric keys (RFC 7518 §6, RFC 8037 §2). */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** The max length of a header in characters. Most have 200 to 250. */
const maxHeaderLength = 1024

/** The canonical base64url of 32 bytes. */
const coordinate = /^[\w-]{42}[AEIMQUYcgkosw048]$/

/**
 * The y-coordinates of the Ed25519 points of order 1, 2, 4 and 8, little-endian, in every
 * encoding, without the sign bit. Signatures by such a key can be forged without a private key
 * (https://eprint.iacr.org/2020/1244).
 */
const smallOrder = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/**
 * Checks the header of a proof in compact form, and imports its public key (RFC 9449 §4.3, 4 to
 * 7).
 *
 * @throws Problem `invalid_dpop_proof` if the header or its key is not allowed
 */
export function importProofKey(header: string): ProofKey {
  if (header.length > maxHeaderLength) throw refuseProof('The header of the proof is too long.')
  const { typ, alg, jwk, ...others } = readPart(header, 'header')
  if (typ !== 'dpop+jwt') throw refuseProof('"typ" must be "dpop+jwt".')
  // Extensions are not supported, so `crit` is refused (RFC 7515 §4.1.11).
  if ('crit' in others) throw refuseProof('"crit" is not supported.')
  // RFC 9864 gives EdDSA with this curve a name of its own, and libraries sign with it.
  const algorithm = dpopAlgorithms.find((name) => name === (alg === 'Ed25519' ? 'EdDSA' : alg))
  if (algorithm === undefined) throw refuseProof(`"alg" must be ${dpopAlgorithms.join(' or ')}.`)
  if (!isJsonObject(jwk)) throw refuseProof('"jwk" must be a public key as a JSON object.')
  if (secretMembers.some((name) => name in jwk))
    throw refuseProof(
      '"jwk" must be the public key only. Replace this key: it is no longer secret.',
    )
  const { kty, crv, coordinates, hash } = keyTypes[algorithm]
  const points = coordinates.map((name) => [name, jwk[name]] as const)
  if (jwk.kty !== kty || jwk.crv !== crv || !points.every(([, value]) => isCoordinate(value)))
    throw refuseProof(`"jwk" must be a ${crv} key for ${algorithm}.`)
  const members: Record<string, unknown> = { crv, kty, ...Object.fromEntries(points) }
  const key = importMembers(members)
  if (key === null || (crv === 'Ed25519' && isSmallOrder(members.x as string)))
    throw refuseProof(`"jwk" is not a valid ${crv} key.`)
  return {
    // Only the required members, in lexicographic order (RFC 7638 §3).
    jkt: createHash('sha256').update(JSON.stringify(members)).digest('base64url'),
    verifies: (text, signature) =>
      // Both algorithms have signatures of 64 bytes (RFC 7518 §3.4, RFC 8032 §5.1.6).
      signature.length === 64 &&
      verify(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, signature),
  }
}

/**
 * Creates a bounded cache. Keys in use stay; others are dropped after many newer ones.
 *
 * @param generation the min number of keys to keep; the max is twice as many
 */
export function createProofKeys(generation: number): ProofKeys {
  let recent = new Map<string, ProofKey>()
  let older = new Map<string, ProofKey>()
  const remember: ProofKeys['remember'] = (header, key) => {
    if (recent.size >= generation) [older, recent] = [recent, new Map<string, ProofKey>()]
    // Copy the text: it is a slice of the proof, and would keep the whole proof in memory.
    recent.set(Buffer.from(header, 'latin1').toString('latin1'), key)
  }
  return {
    remember,
    find: (header) => {
      const found = recent.get(header)
      if (found !== undefined) return found
      const old = older.get(header)
      if (old !== undefined) remember(header, old)
      return old
    },
  }
}

function isCoordinate(value: unknown): boolean {
  return typeof value === 'string' && coordinate.test(value)
}

function isSmallOrder(x: string): boolean {
  const bytes = Buffer.from(x, 'base64url')
  bytes.writeUInt8(bytes.readUInt8(31) & 0x7f, 31)
  return smallOrder.has(bytes.toString('hex'))
}

/** Returns null if the point is not on the curve. */
function importMembers(key: Record<string, unknown>): KeyObject | null {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return null
  }
}
