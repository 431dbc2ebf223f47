import { createPrivateKey, hkdfSync } from 'node:crypto'
import type { SigningKey } from './signing-key.js'

// The key takes what was derived from it along when the ring is replaced.
const derived = new WeakMap<Pick<SigningKey, 'privatePem'>, Map<string, Uint8Array>>()

/**
 * A secret of 256 bits for one purpose, derived from the private part of a signing key by
 * HKDF-SHA-256 (RFC 5869), so that replicas with the same keys agree. It tells nothing of the
 * key, nor of the secrets for other purposes. Deriving takes 0.9 ms, so it is done once for
 * each key and purpose: a stranger can ask for it with any token.
 *
 * @param purpose names the use, once for all (RFC 5869 §3.2)
 */
export function deriveKey(key: Pick<SigningKey, 'privatePem'>, purpose: string): Uint8Array {
  const secrets = derived.get(key) ?? new Map<string, Uint8Array>()
  const secret = secrets.get(purpose) ?? derive(key.privatePem, purpose)
  derived.set(key, secrets.set(purpose, secret))
  return secret
}

function derive(privatePem: string, purpose: string): Uint8Array {
  // The number alone: how it is wrapped in PEM may differ between versions of OpenSSL.
  const { d } = createPrivateKey(privatePem).export({ format: 'jwk' }) as { d: string }
  return new Uint8Array(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32))
}
