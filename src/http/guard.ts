import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
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
    /** Whether the route answers without an access token. Without this word it is protected. */
    public?: boolean
    /** The problems a route can answer beyond those that every route of its kind can. */
    problems?: readonly ProblemCode[]
    /** Which limits the route has; none without this word. */
    limit?: RouteLimit
  }
  interface FastifyRequest {
    /**
     * Reads the access token of a request to a public route that takes one. Returns its claims,
     * or null without an Authorization header.
     *
     * @throws Problem `invalid_token`, `missing_token`, `invalid_request`
     */
    readCaller: () => Promise<Readonly<AccessClaims> | null>
  }
}

/** How many verified tokens are remembered at least; twice as many at most, some 1.5 KiB each. */
const rememberedTokens = 10_000

/**
 * Puts the guard before every route of the application whose config does not say `public:
 * true`: a preHandler hook that verifies the access token and sets `request.user` to its
 * claims. A request that does not fit its schema is refused after the guard, so that a stranger
 * learns nothing about a protected route.
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

// What cannot be a token in its one spelling is not given to a library.
function readToken(request: FastifyRequest): string {
  const token = readBearer(request)
  if (!isCompactJws(token)) throw new Problem('invalid_token')
  return token
}
