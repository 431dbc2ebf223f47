import { isUtf8 } from 'node:buffer'

/** Longest token that is looked at, in characters. Ours have some 400 to 900. */
const longestToken = 4096

/**
 * Whether a text has the form of a compact JWS (RFC 7515 §7.1) in the one spelling that encodes its bytes: three parts of base64url without padding, unused bits zero,
 * header and payload valid UTF-8 (RFC 7515 §5.2). Says nothing of what is in it.
 */
export function isCompactJws (token: string): boolean {
  if (token.length > longestToken || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return false
  return token.split('.').every((part, index) => {
    const bytes = Buffer.from(part, 'base64url')
    return bytes.toString('base64url') === part && (index === 2 || isUtf8(bytes))
  })
}
