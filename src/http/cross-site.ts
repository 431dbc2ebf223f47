import type { FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'

/**
 * Decides whether a request with cookies comes from a page that may act for the person. A
 * browser adds cookies to requests of every page.
 */
export interface SiteCheck {
  /** Returns whether a request comes from a page of this API or of CORS_ORIGINS. */
  passes: (request: FastifyRequest) => boolean
  /** Requires {@link SiteCheck.passes}. Throws Problem `cross_site_request`. */
  require: (request: FastifyRequest) => void
  /**
   * Requires that a browser would store the cookies of the reply: it takes no `SameSite` cookie
   * for a fetch of another site. Throws Problem `cross_site_request`.
   */
  requireStorable: (request: FastifyRequest) => void
}

/**
 * Creates {@link SiteCheck} (OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Verifying
 * Origin With Standard Headers" and "Fetch Metadata"). An `Origin` other than `null` decides
 * alone. It is compared with the settings, never with `Host`, which a proxy may change. Without
 * one, a page of this origin or the address bar is told by `Sec-Fetch-Site`. A server that acts
 * for a browser sends an allowed `Origin`.
 */
export function createSiteCheck({
  publicUrl,
  corsOrigins,
}: {
  publicUrl: string
  corsOrigins: readonly string[]
}): SiteCheck {
  const origins = new Set([new URL(publicUrl).origin, ...corsOrigins])
  const passes: SiteCheck['passes'] = ({ headers: { origin, 'sec-fetch-site': site } }) =>
    origin === undefined || origin === 'null'
      ? site === 'same-origin' || site === 'none'
      : origins.has(origin)
  const require: SiteCheck['require'] = (request) => {
    if (!passes(request)) throw new Problem('cross_site_request')
  }
  return {
    passes,
    require,
    requireStorable: (request) => {
      require(request)
      if (request.headers['sec-fetch-site'] === 'cross-site')
        throw new Problem('cross_site_request', {
          detail:
            'Cookies cannot work here: this page and the API are on different sites, so a browser keeps no cookies for the page. Serve both from sub-domains of one domain, or hold the tokens in the page.',
        })
    },
  }
}
