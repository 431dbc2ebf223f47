import { createHash } from 'node:crypto'

/** Returns whether a text is the URL of a receiver: http or https, without fragment. */
export function isReceiverUrl(text: string): boolean {
  if (!/^https?:\/\/[^/]/.test(text) || /[#\s\\]/.test(text) || !URL.canParse(text)) return false
  try {
    const { username, password } = new URL(text)
    decodeURIComponent(`${username}:${password}`)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the key of a receiver in the database: a hash of its URL, which may have secrets.
 * User and password do not count, so that a new password keeps the place.
 */
export function receiverKey(url: string): string {
  const { origin, pathname, search } = new URL(url)
  return createHash('sha256').update(`${origin}${pathname}${search}`).digest('base64url')
}

/** Returns the host of a receiver, for people and logs. Path and query may have secrets. */
export function receiverHost(url: string): string {
  return new URL(url).host
}

/**
 * Splits a URL into the URL to call and the header `authorization` of its user and password.
 * `fetch` refuses a URL with credentials, and would show it in the error.
 */
export function splitCredentials(url: string): { target: string; authorization: string | null } {
  const target = new URL(url)
  const { username, password } = target
  if (username === '' && password === '') return { target: url, authorization: null }
  target.username = ''
  target.password = ''
  const pair = decodeURIComponent(`${username}:${password}`)
  return {
    target: target.href,
    authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  }
}
