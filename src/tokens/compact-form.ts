import { isUtf8 } from 'node:buffer'

/**
 * Longest token that is looked at, in characters. Ours have some 400 to 900, those of a sign-up
 * with the longest name and issuer 3600.
 */
const longestToken = 4096

/**
 * Whether a text has the form of a compact JWS (RFC 7515 §7.1) in the one spelling that encodes
 * its bytes: three parts of base64url without padding, unused bits zero, header and payload
 * valid UTF-8 (RFC 7515 §5.2). Says nothing of what is in it.
 */
export function isCompactJws(token: string): boolean {
  return (
    token.length <= longestToken &&
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) &&
    token.split('.').every((part, index) => isOneSpelling(part, index < 2))
  )
}

/**
 * Whether a text has the form of a compact JWE (RFC 7516 §7.1) with `dir` and a GCM algorithm,
 * in the one spelling of its bytes: a header that is valid UTF-8, no encrypted key, 96 bits of
 * initialisation vector, what is encrypted, 128 bits of tag (RFC 7518 §4.5, §5.3).
 */
export function isCompactJwe(token: string): boolean {
  return (
    token.length <= longestToken &&
    /^[\w-]+\.\.[\w-]{16}\.[\w-]+\.[\w-]{22}$/.test(token) &&
    token.split('.').every((part, index) => isOneSpelling(part, index === 0))
  )
}

function isOneSpelling(part: string, isText: boolean): boolean {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part && (!isText || isUtf8(bytes))
}
