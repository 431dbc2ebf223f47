import { isUtf8 } from 'node:buffer'

/**
 * The max length of a token in characters. Most have 400 to 900. Sign-up tokens with the
 * longest name and issuer have 3600.
 */
const maxTokenLength = 4096

/**
 * Returns whether a text has the form of a compact JWS (RFC 7515 §7.1) in its only valid
 * spelling: three parts of base64url without padding, unused bits zero, header and payload
 * valid UTF-8 (RFC 7515 §5.2). Does not check the content.
 */
export function isCompactJws(token: string): boolean {
  return (
    token.length <= maxTokenLength &&
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) &&
    token.split('.').every((part, index) => isCanonical(part, index < 2))
  )
}

/**
 * Returns whether a text has the form of a compact JWE (RFC 7516 §7.1) in its only valid
 * spelling. The algorithm must be `dir` with GCM: a header of valid UTF-8, no encrypted key, 96
 * bits of initialisation vector, ciphertext, 128 bits of tag (RFC 7518 §4.5, §5.3).
 */
export function isCompactJwe(token: string): boolean {
  return (
    token.length <= maxTokenLength &&
    /^[\w-]+\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/.test(token) &&
    token.split('.').every((part, index) => isCanonical(part, index === 0))
  )
}

function isCanonical(part: string, isText: boolean): boolean {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part && (!isText || isUtf8(bytes))
}
