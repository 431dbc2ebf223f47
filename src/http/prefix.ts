import type { Paths } from './methods.js'

/** Returns the path of PUBLIC_URL without a trailing slash: `/auth`, or an empty text. */
export function prefixOf(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/$/, '')
}

/**
 * Creates a function that removes the path of PUBLIC_URL from the URL of a request, once. So
 * proxies may strip the path or pass it on. It runs before the router: the guard and the limits
 * see the same route either way. Spellings are as lenient as those of routes.
 *
 * A URL remains as it is if it names a route already, as under `https://example.com/login`, or
 * if no route would be found. An internal route has one address only: a proxy that blocks this
 * address must not be open for another.
 */
export function createPrefixRemover(
  publicUrl: string,
  paths: Paths,
): (request: { url?: string | undefined }) => string {
  const prefix = prefixOf(publicUrl)
  const wanted = normalize(prefix)
  const segments = prefix.split('/').filter((segment) => segment !== '').length
  const begin = new RegExp(`^(?:/+[^/?#]+){${segments}}(?=[/?#]|$)`)
  return (request) => {
    const url = String(request.url)
    // A request may name the whole URL (RFC 9112 §3.2.2).
    const path = url.replace(/^https?:\/\/[^/?#]*/i, '')
    const given = begin.exec(path)?.[0]
    if (given === undefined || normalize(given) !== wanted) return url
    const rest = path.slice(given.length)
    const inner = rest.startsWith('/') ? rest : `/${rest}`
    const target = paths.find(inner)
    return target === undefined || target.isInternal || paths.find(path)?.isFixed === true
      ? url
      : inner
  }
}

/** Returns a path with percent-encoded characters in one spelling. */
export function canonicalPath(path: string): string {
  return path.split('/').map(encodeOnce).join('/')
}

function normalize(path: string): string {
  return canonicalPath(path.replace(/\/+/g, '/')).toLowerCase()
}

function encodeOnce(segment: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(segment))
  } catch {
    return segment
  }
}
