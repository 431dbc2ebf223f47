import { createPrivateKey, hkdfSync } from 'node:crypto'
import type { SigningKey } from './keys.js'

/**
 * A secret of 256 bits for one purpose, derived from the private part of a signing key by HKDF-SHA-256 (RFC 5869), so that replicas with the same keys agree. It tells
 * nothing of the key, nor of the secrets for other purposes.
 * @param purpose names the use, once for all (RFC 5869 §3.2)
 */
export function deriveKey ({ privatePem }: Pick<SigningKey, 'privatePem'>, purpose: string): Uint8Array {
  // The number alone: how it is wrapped in PEM may differ between versions of OpenSSL.
  const { d } = createPrivateKey(privatePem).export({ format: 'jwk' }) as { d: string }
  return new Uint8Array(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32))
}
