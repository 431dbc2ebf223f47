import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { encode, type Jwk } from './forge.js'

/**
 * The content key of sign-up tokens for a private key, by another hand than the product's: HKDF
 * (RFC 5869 §2.2, §2.3) of one block, without a salt.
 */
export function contentKey({ d }: Jwk): Buffer {
  const extracted = createHmac('sha256', Buffer.alloc(32))
    .update(Buffer.from(String(d), 'base64url'))
    .digest()
  return createHmac('sha256', extracted)
    .update('latchkey signup+jwt A256GCM')
    .update(Buffer.of(1))
    .digest()
}

/**
 * A compact JWE (RFC 7516 §5.1) with `dir` and A256GCM, made by hand. Nothing of it is checked,
 * so that it can be wrong in any way. A member that is undefined is left out.
 */
export function seal(header: unknown, payload: unknown, key: Buffer): string {
  const head = encode(header)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(head))
  const sealed = Buffer.concat([
    cipher.update(Buffer.from(encode(payload), 'base64url')),
    cipher.final(),
  ])
  return [head, '', encode(iv), encode(sealed), encode(cipher.getAuthTag())].join('.')
}

/** Header and payload of a compact JWE with `dir` and A256GCM. Throws where the tag is wrong. */
export function open(
  token: string,
  key: Buffer,
): { header: Record<string, unknown>; payload: Record<string, unknown> } {
  const [head = '', , ...parts] = token.split('.')
  const [iv, sealed, tag] = parts.map((part) => Buffer.from(part, 'base64url')) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  const decipher = createDecipheriv('aes-256-gcm', key, iv)
    .setAAD(Buffer.from(head))
    .setAuthTag(tag)
  const payload = Buffer.concat([decipher.update(sealed), decipher.final()]).toString()
  return {
    header: JSON.parse(Buffer.from(head, 'base64url').toString()),
    payload: JSON.parse(payload),
  }
}
