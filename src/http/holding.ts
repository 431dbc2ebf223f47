import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import type { SiteCheck } from './cross-site.js'
import type { RequestProofs } from './dpop.js'

/**
 * How a client holds its tokens, by the `token_type` of replies: in its own storage, in cookies
 * that scripts cannot read, or bound to a key (RFC 9449). `jkt` is the thumbprint of the key.
 */
export type Holding =
  { tokenType: 'Bearer' | 'Cookie'; jkt?: undefined } | { tokenType: 'DPoP'; jkt: string }

/** A client that stores the tokens itself. */
export const bearer: Holding = { tokenType: 'Bearer' }

/** A browser that stores the tokens in cookies. */
export const cookie: Holding = { tokenType: 'Cookie' }

/** The dependencies of {@link chooseHolding}. */
export interface HoldingParts {
  sites: SiteCheck
  proofs: RequestProofs
}

/**
 * Sets `request.holding` for each route whose config says `tokens`: how the client will hold
 * the tokens of the reply. A request without credentials chooses: a proof binds the tokens to
 * its key, `transport: "cookie"` puts them into cookies. A request with credentials keeps their
 * way, so that a cookie never turns into a token that scripts can read. Runs before anything is
 * counted or hashed. Call it after the guard and before the limits.
 */
export function chooseHolding(app: FastifyInstance, { sites, proofs }: HoldingParts): void {
  const choose = (request: FastifyRequest, reply: FastifyReply): Holding => {
    const wantsCookie = (request.body as { transport?: 'cookie' }).transport === 'cookie'
    const hasProof = request.headers.dpop !== undefined
    const given = request.holding
    if (given !== null) {
      if (wantsCookie && given.tokenType !== 'Cookie') throw refused('/transport')
      if (hasProof && given.tokenType !== 'DPoP') throw refused('dpop')
      return given
    }
    if (wantsCookie && hasProof) throw refused('/transport')
    if (hasProof) return { tokenType: 'DPoP', jkt: proofs.read(request, reply) }
    if (!wantsCookie) return bearer
    sites.requireStorable(request)
    return cookie
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.tokens !== true) return
    const set = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      request.holding = choose(request, reply)
      done()
    }
    route.preHandler = [set, route.preHandler ?? []].flat()
  })
}

function refused(pointer: '/transport' | 'dpop'): Problem {
  return new Problem('invalid_request', {
    errors: [
      {
        pointer,
        detail:
          pointer === 'dpop'
            ? 'is for tokens that are bound to a key, and the credentials of this request are not'
            : 'must be the way of the credentials: these tokens cannot move into cookies',
      },
    ],
  })
}
