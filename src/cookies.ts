import { stringifySetCookie } from 'cookie'

/** The attributes of a cookie, besides name and value (RFC 6265 §4.1.2). */
export interface CookieAttributes {
  path: string
  domain?: string
  secure: boolean
  sameSite: 'lax' | 'strict'
  /** The lifetime in seconds; 0 removes the cookie. */
  maxAge: number
}

/** The max cookies of one name that are read. Each may cost a signature check. */
const maxCookies = 8

/**
 * Returns the values of the cookies of one name, in the order of the request, up to 8. A
 * sibling sub-domain can put a bad one before ours (RFC 6265 §8.6), and libraries keep only the
 * first. Tokens need no decoding.
 *
 * Only spaces and tabs before a name are removed, as browsers write them. `trim()` also removes
 * U+00A0, so a sibling sub-domain could plant a `__Host-` cookie: for a browser, a name that
 * begins with this character has no prefix.
 */
export function readCookies(header: string | undefined, name: string): string[] {
  const values: string[] = []
  for (const text of header?.split(';') ?? []) {
    const cookie = text.replace(/^[ \t]+/, '')
    if (!cookie.startsWith(`${name}=`)) continue
    const value = cookie.slice(name.length + 1).trim()
    if (!values.includes(value) && values.length < maxCookies) values.push(value)
  }
  return values
}

/** Returns a Set-Cookie header for a cookie that scripts cannot read. */
export function formatCookie(name: string, value: string, attributes: CookieAttributes): string {
  return stringifySetCookie({ name, value, httpOnly: true, ...attributes })
}
