import {
  type AsymmetricKeyDetails,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint'

/**
 * The algorithms that tokens are signed with (RFC 7518 §3.1, RFC 8037 §3.1). All are
 * asymmetric.
 */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256'

/** Every {@link Algorithm}. */
export const algorithms = ['ES256', 'EdDSA', 'RS256'] as const satisfies Algorithm[]

/** The min bits of an RSA key: 128 bits of security, ASVS 11.2.3. */
const minModulusBits = 3072

/** A public key as it is published (RFC 7517). */
export interface PublicJwk {
  kty: string
  kid: string
  alg: Algorithm
  use: 'sig'
  [member: string]: string
}

/** One key of the ring. */
export interface SigningKey {
  /** RFC 7638 thumbprint, SHA-256. */
  kid: string
  alg: Algorithm
  /** The creation time in seconds since 1970; 0 if the file does not have it. */
  createdAt: number
  /** The time from which it may sign, in seconds since 1970; null to derive it from `createdAt`. */
  signsFrom: number | null
  privatePem: string
  publicPem: string
  publicJwk: PublicJwk
}

/**
 * The signing keys cannot be used. The message names the key and the reason, and reveals no key
 * material.
 */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError'
}

/**
 * Parses a JWK Set with private keys.
 *
 * @param source the origin of the text, for messages
 * @throws KeyRingError for text that is not a key set, an empty set, and a key that must not
 *   sign
 */
export async function parseKeys(text: string, source: string): Promise<SigningKey[]> {
  let set: unknown
  try {
    set = JSON.parse(text)
  } catch {
    throw new KeyRingError(`${source} is not JSON. It must be a JWK Set with private keys.`)
  }
  const list = (set as { keys?: unknown } | null)?.keys
  if (!Array.isArray(list) || list.length === 0)
    throw new KeyRingError(`${source} has no keys. It must be a JWK Set: { "keys": [ … ] }.`)
  const keys = await Promise.all(
    list.map(async (jwk: unknown, index) => await parseKey(jwk, `Key ${index + 1} in ${source}`)),
  )
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length)
    throw new KeyRingError(`${source} has the same key twice.`)
  return keys
}

const generators: Record<Algorithm, () => { privateKey: KeyObject; publicKey: KeyObject }> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: minModulusBits }),
}

/**
 * Creates a private key as a member of a JWK Set.
 *
 * @param createdAt in seconds since 1970
 * @param signsFrom in seconds since 1970, for a key that does not wait until it has been
 *   published long enough
 */
export async function generateKey(
  createdAt: number,
  { alg = 'ES256', signsFrom }: { alg?: Algorithm; signsFrom?: number } = {},
): Promise<Record<string, unknown>> {
  const { privateKey, publicKey } = generators[alg]()
  const kid = await calculateJwkThumbprint(publicKey.export({ format: 'jwk' }))
  return {
    ...privateKey.export({ format: 'jwk' }),
    kid,
    alg,
    use: 'sig',
    iat: createdAt,
    ...(signsFrom !== undefined && { nbf: signsFrom }),
  }
}

async function parseKey(jwk: unknown, where: string): Promise<SigningKey> {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk))
    throw new KeyRingError(`${where} is not a JWK.`)
  const {
    kty,
    use,
    alg: named,
    kid: given,
    iat = 0,
    nbf = null,
    d,
    key_ops: operations,
  } = jwk as Record<string, unknown>
  if (kty === 'oct')
    throw new KeyRingError(`${where} is a shared secret. Only asymmetric keys may sign tokens.`)
  if (typeof d !== 'string') throw new KeyRingError(`${where} has no private part ("d").`)
  if (use !== undefined && use !== 'sig')
    throw new KeyRingError(`${where} is not for signing ("use" must be "sig").`)
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('sign')))
    throw new KeyRingError(`${where} is not for signing ("key_ops" lacks "sign").`)
  for (const [name, time] of Object.entries({ iat, ...(nbf !== null && { nbf }) })) {
    // Refuse milliseconds: they would be a time in the far future.
    if (!Number.isSafeInteger(time) || (time as number) < 0 || (time as number) > 1e11)
      throw new KeyRingError(`${where} has an "${name}" that is not seconds since 1970.`)
  }
  const privateKey = importKey(jwk, where)
  const publicKey = createPublicKey(privateKey)
  const alg = algorithmOf(publicKey, where)
  if (named !== undefined && named !== alg)
    throw new KeyRingError(`${where} must have "alg": "${alg}" or no "alg".`)
  // Exactly the public members (RFC 7517 §9.3), each in its only valid spelling. So no private
  // member leaks, and the thumbprint is correct.
  const members = publicKey.export({ format: 'jwk' }) as { kty: string; [member: string]: string }
  if (
    !isKeyPair(privateKey, publicKey, alg) ||
    Object.entries(members).some(
      ([name, value]) => (jwk as Record<string, unknown>)[name] !== value,
    )
  ) {
    throw new KeyRingError(
      `${where} has private and public parts that do not match, or that are not plain base64url.`,
    )
  }
  const kid = await calculateJwkThumbprint(members)
  if (given !== undefined && given !== kid)
    throw new KeyRingError(`${where} must have its RFC 7638 thumbprint as "kid" or no "kid".`)
  return {
    kid,
    alg,
    createdAt: iat as number,
    signsFrom: nbf as number | null,
    privatePem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    publicJwk: { ...members, kid, alg, use: 'sig' },
  }
}

function importKey(jwk: object, where: string): KeyObject {
  try {
    return createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
  } catch {
    throw new KeyRingError(
      `${where} is damaged or of an unsupported kind. Use EC P-256, Ed25519 or RSA.`,
    )
  }
}

function algorithmOf(key: KeyObject, where: string): Algorithm {
  const {
    namedCurve,
    modulusLength = 0,
    publicExponent = 0n,
  } = key.asymmetricKeyDetails as AsymmetricKeyDetails
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256'
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (key.asymmetricKeyType !== 'rsa')
    throw new KeyRingError(`${where} is of an unsupported kind. Use EC P-256, Ed25519 or RSA.`)
  // With the exponent 1 every message is its own signature. FIPS 186-5 §5.1 requires more than
  // 2^16.
  if (modulusLength < minModulusBits || publicExponent < 65537n)
    throw new KeyRingError(
      `${where} is too weak. RSA keys need at least 3072 bits and an exponent of at least 65537.`,
    )
  return 'RS256'
}

// An EC key has a public part beside the private one. Only a signature shows whether they match.
function isKeyPair(privateKey: KeyObject, publicKey: KeyObject, alg: Algorithm): boolean {
  const digest = alg === 'EdDSA' ? null : 'sha256'
  const probe = Buffer.from('probe')
  try {
    return verify(digest, probe, publicKey, sign(digest, probe, privateKey))
  } catch {
    return false
  }
}
