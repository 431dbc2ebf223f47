import type { FastifyReply, FastifyRequest } from 'fastify'
import { type CookieAttributes, formatCookie, readCookies } from '../cookies.js'
import type { AccessTokens } from '../tokens/access-token.js'
import type { IssuedTokens } from '../tokens/issue.js'
import type { RefreshClaims, RefreshTokens } from '../tokens/refresh-token.js'
import { prefixOf } from './prefix.js'

/** The cookies with the tokens of a browser. Scripts cannot read them. */
export interface TokenCookies {
  /** Returns the access tokens of a request, not verified, up to 8. */
  readAccess: (request: FastifyRequest) => string[]
  /**
   * Returns the refresh token that belongs to an access cookie of the same request, or null. It
   * is valid and not bound to a key. Both must be of the same account and login; the access
   * token may have expired. A sibling sub-domain can plant a refresh cookie, but no access
   * cookie beside it.
   */
  readRefresh: (request: FastifyRequest) => string | null
  /** Returns whether a request has a cookie with a token, valid or not. */
  areIn: (request: FastifyRequest) => boolean
  /** Returns whether a request has a refresh cookie, valid or not. */
  isRefreshIn: (request: FastifyRequest) => boolean
  /** Sets both cookies. Call it only for a request that passed the cross-site check. */
  set: (reply: FastifyReply, tokens: IssuedTokens) => void
  /** Removes both cookies. Call it only for a request that passed the cross-site check. */
  clear: (reply: FastifyReply) => void
  /** Removes both cookies if they authenticated the request: its login has ended. */
  clearUsed: (request: FastifyRequest, reply: FastifyReply) => void
}

/** The dependencies of {@link createTokenCookies}. */
export interface TokenCookiesDeps {
  accessTokens: AccessTokens
  refreshTokens: RefreshTokens
  publicUrl: string
  /** The domain of the access cookie; an empty text for the host of PUBLIC_URL alone. */
  domain: string
  sameSite: 'Lax' | 'Strict'
}

/**
 * Creates {@link TokenCookies}. Both cookies live as long as the refresh token. So a browser can
 * log out, and prove the login of its refresh cookie, long after the access token has expired.
 */
export function createTokenCookies({
  accessTokens,
  refreshTokens,
  publicUrl,
  domain,
  sameSite,
}: TokenCookiesDeps): TokenCookies {
  const secure = publicUrl.startsWith('https:')
  const names = cookieNames(secure, domain)
  const common = { secure, sameSite: sameSite === 'Lax' ? 'lax' : 'strict' } as const
  const access = { ...common, path: '/', ...(domain !== '' && { domain }) }
  const refresh = { ...common, path: `${prefixOf(publicUrl)}/refresh` }
  const write = (
    reply: FastifyReply,
    tokens: { accessToken: string; refreshToken: string },
    maxAge: number,
  ) => {
    const cookies: Array<[string, string, Omit<CookieAttributes, 'maxAge'>]> = [
      [names.access, tokens.accessToken, access],
      [names.refresh, tokens.refreshToken, refresh],
    ]
    for (const [name, value, attributes] of cookies)
      reply.header('set-cookie', formatCookie(name, value, { ...attributes, maxAge }))
  }
  const clear: TokenCookies['clear'] = (reply) => {
    write(reply, { accessToken: '', refreshToken: '' }, 0)
  }
  const readAccess: TokenCookies['readAccess'] = ({ headers }) =>
    readCookies(headers.cookie, names.access)
  const findRefresh = ({ headers }: FastifyRequest) => readCookies(headers.cookie, names.refresh)
  return {
    readAccess,
    readRefresh: (request) => {
      const logins = readAccess(request).flatMap((token) => accessTokens.readLogin(token) ?? [])
      const belongs = (token: string) => {
        const claims = verifyOrNull(refreshTokens, token)
        return logins.some(
          ({ accountId, sid }) =>
            claims?.sub === accountId && claims.sid === sid && claims.cnf === undefined,
        )
      }
      return findRefresh(request).find(belongs) ?? null
    },
    areIn: (request) => readAccess(request).length + findRefresh(request).length > 0,
    isRefreshIn: (request) => findRefresh(request).length > 0,
    set: (reply, tokens) => {
      write(reply, tokens, tokens.refreshExpiresIn)
    },
    clear,
    clearUsed: ({ holding }, reply) => {
      if (holding?.tokenType === 'Cookie') clear(reply)
    },
  }
}

/**
 * Returns the names of the cookies. A browser takes a `__Host-` cookie only over https, with
 * the path `/` and without a domain, so no other sub-domain can set it (RFC 6265bis §4.1.3).
 * Safari refuses the prefixes and `Secure` on http://localhost.
 */
function cookieNames(isSecure: boolean, domain: string): { access: string; refresh: string } {
  if (!isSecure) return { access: 'latchkey', refresh: 'latchkey-refresh' }
  return {
    access: domain === '' ? '__Host-latchkey' : '__Secure-latchkey',
    refresh: '__Secure-latchkey-refresh',
  }
}

function verifyOrNull(refreshTokens: RefreshTokens, token: string): RefreshClaims | null {
  try {
    return refreshTokens.verify(token)
  } catch {
    return null
  }
}
