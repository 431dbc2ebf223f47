import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem, type ProblemCode } from '../errors.js'
import type { AccessClaims } from '../tokens/access-token.js'
import { isCompactJws } from '../tokens/compact-form.js'
import type { VerificationRules } from '../tokens/token-kind.js'
import { createVerifiedTokens } from '../tokens/verified-tokens.js'
import { countHeader } from './headers.js'
import type { RouteLimit } from '../limits/route-limits.js'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: AccessClaims
    user: Readonly<AccessClaims>
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers without an access token. Without this word it is protected. */
    public?: boolean
    /** The problems a route can answer beyond those that every route of its kind can. */
    problems?: readonly ProblemCode[]
    /** Which limits the route has; none without this word. */
    limit?: RouteLimit
  }
}

/** Reads credentials on a route that is public but takes them. */
export interface Guard {
  /**
   * The claims of the access token of a request; null for a request without an Authorization
   * header. Throws Problem `invalid_token`, `missing_token`, `invalid_request`.
   */
  callerOf: (request: FastifyRequest) => Promise<Readonly<AccessClaims> | null>
}

/** How many verified tokens are remembered at least; twice as many at most, some 1.5 KiB each. */
const rememberedTokens = 10_000

/**
 * Puts the guard before every route of the application whose config does not say `public:
 * true`: a preHandler hook that verifies the access token and sets `request.user` to its
 * claims. A request that does not fit its schema is refused after the guard, so that a stranger
 * learns nothing about a protected route.
 */
export function addGuard(app: FastifyInstance, rules: VerificationRules<AccessClaims>): Guard {
  const verified = createVerifiedTokens<Readonly<AccessClaims>>(rememberedTokens)
  app.register(fastifyJwt, {
    secret: {
      public: async (_request: FastifyRequest, token: { header: Record<string, unknown> }) =>
        rules.keyFor(token.header).publicPem,
    } as never,
    decode: { complete: true },
    verify: { ...rules.options, extractToken: readToken },
    trusted: async (_request, claims) => Boolean(rules.check(claims)),
  })
  const verify = async (request: FastifyRequest, token: string) => {
    await request.jwtVerify()
    const { header } = app.jwt.decode(token) as unknown as { header: { kid: string } }
    // One object for every request with this token: no handler may write on it.
    verified.remember(token, { claims: freeze(request.user), kid: header.kid })
  }
  // Returns false where the token has to be verified first.
  const isKnown = (request: FastifyRequest, token: string): boolean => {
    const known = verified.find(token)
    // The text was verified before and cannot have changed; the time and the key ring can.
    if (known === undefined || !rules.verifies(known.kid)) return false
    rules.checkTimes(known.claims)
    request.user = known.claims
    return true
  }
  app.addHook('preHandler', (request, _reply, done) => {
    const go = () => {
      done(request.validationError)
    }
    if (request.is404 || request.routeOptions.config.public === true) {
      go()
      return
    }
    const token = readBearer(request)
    if (isKnown(request, token)) go()
    else verify(request, token).then(go, done)
  })
  app.addHook('onRoute', (route) => {
    route.attachValidation = true
  })
  return {
    callerOf: async (request) => {
      if (request.headers.authorization === undefined) return null
      const token = readBearer(request)
      if (!isKnown(request, token)) await verify(request, token)
      return request.user
    },
  }
}

function freeze(claims: AccessClaims): Readonly<AccessClaims> {
  Object.values(claims).forEach(Object.freeze)
  return Object.freeze(claims)
}

/**
 * The token of the Authorization header (RFC 6750 §2.1). The scheme is case-insensitive (RFC
 * 9110 §11.1).
 *
 * @throws Problem `missing_token` without bearer credentials, `invalid_request` for two headers
 */
function readBearer(request: Pick<FastifyRequest, 'headers' | 'raw'>): string {
  const { authorization } = request.headers
  // Node keeps the first of two Authorization headers and drops the other (RFC 6750 §3.1: more than
  // one is an invalid request).
  if (countHeader(request.raw.rawHeaders, 'authorization') > 1)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'authorization', detail: 'must be sent once' }],
    })
  const [, credentials] = /^bearer(?: +(.*))?$/i.exec(authorization ?? '') ?? []
  if (!credentials) throw new Problem('missing_token')
  return credentials
}

// What cannot be a token in its one spelling is not given to a library.
function readToken(request: FastifyRequest): string {
  const token = readBearer(request)
  if (!isCompactJws(token)) throw new Problem('invalid_token')
  return token
}
