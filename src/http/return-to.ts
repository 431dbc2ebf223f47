import type { FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'

/** Reads the page that a person goes to after a login or a renewal: `return_to` of the query. */
export interface ReturnTo {
  /**
   * Returns the absolute URL of the page, or null for a request without `return_to`.
   *
   * @throws Problem `invalid_request` if it may not lead there
   */
  find: (request: Pick<FastifyRequest, 'url'>) => string | null
  /**
   * Returns the absolute URL of the page.
   *
   * @throws Problem `invalid_request` if it is missing or may not lead there
   */
  require: (request: Pick<FastifyRequest, 'url'>) => string
}

/** The places that a person may be sent to. */
export interface ReturnToSettings {
  publicUrl: string
  appUrl: string
  corsOrigins: readonly string[]
}

const name = 'return_to'
/** The max characters of the page's URL. It is part of other URLs. */
const maxLength = 2000

/**
 * Creates {@link ReturnTo}. `return_to` is a path of the host of PUBLIC_URL, or an http(s) URL
 * whose origin is that of PUBLIC_URL or APP_URL, or one of CORS_ORIGINS. So it cannot become an
 * open redirect (OWASP Unvalidated Redirects Cheat Sheet). The result is absolute, parsed as
 * browsers do, and its origin is checked again: `/.//host` cannot become `//host`.
 *
 * Proxies such as nginx cannot percent-encode: they send `?return_to=$request_uri`. So the
 * value is read in one of two ways:
 *
 * - If the query begins with `return_to=`, continues with a literal `/`, `http://` or `https://`,
 *   and contains a literal `?` or `&` after that, then everything after `return_to=` is the
 *   value, without decoding. A further `&return_to` before the first `?` is a second value.
 * - Otherwise `return_to` is a parameter among others, and is percent-decoded once.
 *
 * So `return_to=/a?b=1&c=2` and `return_to=%2Fa%3Fb%3D1%26c%3D2` lead to the same page.
 */
export function createReturnTo({ publicUrl, appUrl, corsOrigins }: ReturnToSettings): ReturnTo {
  const own = [publicUrl, appUrl].map((url) => new URL(url).origin)
  const origins = new Set([...own, ...corsOrigins])
  const resolve = (value: string): string => {
    if (!/^(\/(?!\/)|https?:\/\/[^/])/i.test(value))
      throw refused('must be a path that begins with one slash, or an http or https URL')
    if (/[\\\p{Cc}]/u.test(value)) throw refused('must not have a backslash or control character')
    if (!URL.canParse(value, publicUrl)) throw refused('must be a URL')
    const { origin, username, password, href } = new URL(value, publicUrl)
    if (username !== '' || password !== '' || !origins.has(origin))
      throw refused('must lead to this server, to APP_URL or to one of CORS_ORIGINS')
    if (Math.max(value.length, href.length) > maxLength)
      throw refused(`must have at most ${maxLength} characters`)
    return href
  }
  const find: ReturnTo['find'] = ({ url }) => {
    const value = readValue(url.replace(/^[^?]*\??/, ''))
    return value === null ? null : resolve(value)
  }
  return {
    find,
    require: (request) => {
      const found = find(request)
      if (found === null) throw refused('is missing')
      return found
    },
  }
}

function readValue(query: string): string | null {
  const literal = readLiteral(query)
  if (literal !== null) return literal
  const given = query.split('&').filter((pair) => new URLSearchParams(pair).has(name))
  if (given.length > 1) throw refused('must be given once')
  return given[0] === undefined ? null : decode(given[0].slice(given[0].indexOf('=') + 1))
}

// The value that a proxy did not encode, or null.
function readLiteral(query: string): string | null {
  const [, value] = /^return_to=((?:\/|https?:\/\/).*[?&].*)$/s.exec(query) ?? []
  if (value === undefined) return null
  const path = value.replace(/\?.*$/s, '')
  if (/&return_to(=|&|$)/.test(path)) throw refused('must be given once')
  // The query is data of the page: encoded line breaks are common there.
  if (/%([01][\da-f]|7f|5c)/i.test(path))
    throw refused('must not have a backslash or control character')
  return value
}

function decode(text: string): string {
  try {
    // Forms encode a space as a plus, and a slash as %2F. So a plus after a slash stays.
    return decodeURIComponent(text.startsWith('/') ? text : text.replaceAll('+', ' '))
  } catch {
    throw refused('must be percent-encoded UTF-8')
  }
}

function refused(detail: string): Problem {
  return new Problem('invalid_request', { errors: [{ pointer: name, detail }] })
}
