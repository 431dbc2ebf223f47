import {
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  sign as signBytes,
} from 'node:crypto'
import type { Algorithm } from '../../src/keys/signing-key.js'

/** A private key as a JWK. */
export type Jwk = Record<string, unknown>

/** The algorithms that the product signs with. */
export const algorithms = ['ES256', 'EdDSA', 'RS256'] as const satisfies Algorithm[]

/** Signs the input of a JWS by hand. */
export type Signer = (input: string) => Buffer

/** A new private key for an algorithm, with nothing in it but the key. */
export function makeJwk(alg: Algorithm): Jwk {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 3072 })
  return privateKey.export({ format: 'jwk' })
}

/** The RFC 7638 thumbprint of a key, by another hand than the product's. */
export function thumbprint({ crv, e, kty, n, x, y }: Jwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, e, kty, n, x, y })).digest('base64url')
}

/** The public members of a key. */
export function publicPart({ kty, crv, x, y, n, e }: Jwk): Jwk {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e })) as Jwk
}

/** Signs with a private key; `hash` is what the algorithm hashes with (RFC 7518 §3). */
export function signer(jwk: Jwk, hash = 'sha256'): Signer {
  const key = createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
  return (input) =>
    signBytes(jwk.kty === 'OKP' ? null : hash, Buffer.from(input), {
      key,
      dsaEncoding: 'ieee-p1363',
    })
}

/** Signs with a shared secret. */
export function hmac(secret: string | Buffer, hash = 'sha256'): Signer {
  return (input) => createHmac(hash, secret).update(input).digest()
}

/** base64url of bytes or of a text as it stands, or of anything else as JSON. */
export function encode(part: unknown): string {
  return Buffer.from(
    typeof part === 'string' || Buffer.isBuffer(part) ? (part as string) : JSON.stringify(part),
  ).toString('base64url')
}

/**
 * A compact JWS made by hand. Nothing of it is checked, so that it can be wrong in any way. A
 * member that is undefined is left out.
 */
export function forge(header: unknown, payload: unknown, sign: Signer): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(input).toString('base64url')}`
}

/** Header and payload of a token, unverified. */
export function decode(token: string): {
  header: Record<string, unknown>
  payload: Record<string, unknown>
} {
  const [header, payload] = token
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString())
  return { header: JSON.parse(header ?? ''), payload: JSON.parse(payload ?? '') }
}
