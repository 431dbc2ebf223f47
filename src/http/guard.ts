import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { Problem, type ProblemCode } from '../errors.js'
import type { AccessClaims } from '../tokens/access-token.js'
import { isCompactJws } from '../tokens/compact-form.js'
import type { VerificationRules } from '../tokens/token-kind.js'
import { createVerifiedTokens } from '../tokens/verified-tokens.js'
import { readBearer } from './credentials.js'
import type { RouteLimit } from '../limits/route-limits.js'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: AccessClaims
    user: Readonly<AccessClaims>
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route works without an access token. It is protected by default. */
    public?: boolean
    /** The problems of the route, besides those of every route of its kind. */
    problems?: readonly ProblemCode[]
    /** Whether the route is not for users, and so has no address under the path of PUBLIC_URL. */
    internal?: boolean
    /** The limits of the route; unlimited by default. */
    limit?: RouteLimit
    /** The body that the route reads by itself, for the contract. No other body is refused. */
    optionalBody?: TSchema
  }
  interface FastifyRequest {
    /**
     * Reads the access token of a request to a public route that accepts one. Returns its
     * claims, or null without an Authorization header.
     *
     * @throws Problem `invalid_token`, `missing_token`, `invalid_request`
     */
    readCaller: () => Promise<Readonly<AccessClaims> | null>
  }
}

/** The min number of verified tokens to remember. The max is twice as many, some 1.5 KiB each. */
const rememberedTokens = 10_000

/**
 * Protects every route whose config lacks `public: true`. A preHandler hook verifies the access
 * token and sets `request.user` to its claims. The guard runs before the validation is
 * reported, so that a stranger learns nothing about a protected route.
 */
export function addGuard(app: FastifyInstance, rules: VerificationRules<AccessClaims>): void {
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
    // All requests with this token share one object, so freeze it.
    verified.remember(token, { claims: freeze(request.user), kid: header.kid })
  }
  // Returns false if the token must be verified first.
  const isKnown = (request: FastifyRequest, token: string): boolean => {
    const known = verified.find(token)
    // The token was verified before. Only the time and the key ring may have changed.
    if (known === undefined || !rules.verifies(known.kid)) return false
    rules.checkTimes(known.claims)
    request.user = known.claims
    return true
  }
  app.addHook('preHandler', (request, _reply, done) => {
    const proceed = () => {
      done(request.validationError)
    }
    if (request.is404 || request.routeOptions.config.public === true) {
      proceed()
      return
    }
    const token = readBearer(request)
    if (isKnown(request, token)) proceed()
    else verify(request, token).then(proceed, done)
  })
  app.addHook('onRoute', (route) => {
    route.attachValidation = true
  })
  app.decorateRequest('readCaller', async function () {
    if (this.headers.authorization === undefined) return null
    const token = readBearer(this)
    if (!isKnown(this, token)) await verify(this, token)
    return this.user
  })
}

function freeze(claims: AccessClaims): Readonly<AccessClaims> {
  Object.values(claims).forEach(Object.freeze)
  return Object.freeze(claims)
}

// Refuse non-canonical tokens before a library parses them.
function readToken(request: FastifyRequest): string {
  const token = readBearer(request)
  if (!isCompactJws(token)) throw new Problem('invalid_token')
  return token
}
