import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { Problem, type ProblemCode } from '../errors.js'
import type { AccessClaims, CallerClaims } from '../tokens/access-token.js'
import { isCompactJws } from '../tokens/compact-form.js'
import { type MachineClaims, machineOf } from '../tokens/machine-token.js'
import type { VerificationRules } from '../tokens/token-kind.js'
import { createVerifiedTokens } from '../tokens/verified-tokens.js'
import { type HeaderCredentials, readAuthorization } from './credentials.js'
import type { SiteCheck } from './cross-site.js'
import type { RequestProofs } from './dpop.js'
import { bearer, cookie, type Holding } from './holding.js'
import { findObstacle, forPeople, requireUsablePermissions } from './permissions.js'
import type { TokenCookies } from './token-cookies.js'
import type { RouteLimit } from '../limits/route-limits.js'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: AccessClaims | MachineClaims
    user: CallerClaims
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route works without an access token. It is protected by default. */
    public?: boolean
    /**
     * The roles that the route needs: the token must have every one of them. Without them the
     * route is for every account.
     */
    roles?: readonly string[]
    /**
     * The scopes that a machine client needs: its token must have every one of them. An empty
     * list lets every machine client in. Without the list the route is for people.
     */
    scopes?: readonly string[]
    /** The problems of the route, besides those of every route of its kind. */
    problems?: readonly ProblemCode[]
    /** Whether the route is not for users, and so has no address under the path of PUBLIC_URL. */
    internal?: boolean
    /** The limits of the route; unlimited by default. */
    limit?: RouteLimit
    /** The body that the route reads by itself, for the contract. No other body is refused. */
    optionalBody?: TSchema
    /** The query for the contract, with the types that the texts of the query stand for. */
    query?: TSchema
    /** Whether the route takes forms, and has the errors of OAuth (RFC 6749 §5.2). */
    oauth?: boolean
    /** Whether replies can have tokens: the request decides how its client holds them. */
    tokens?: boolean
  }
  interface FastifyRequest {
    /**
     * How the client holds its tokens. Null before the guard has verified an access token, and
     * on public routes that issue none.
     */
    holding: Holding | null
    /** Whether the reply has new tokens. */
    tokensIssued: boolean
    /** The access token that is being verified. */
    accessToken: string
    /**
     * Reads the access token of a request to a public route that accepts one. Returns its
     * claims, or null without one. A cookie with an expired token counts as none: browsers keep
     * it much longer than the token lives.
     *
     * @throws Problem the errors of a protected route, but for a missing token
     */
    readCaller: (reply: FastifyReply) => Promise<CallerClaims | null>
  }
}

/** The min number of verified tokens to remember. The max is twice as many, some 1.5 KiB each. */
const rememberedTokens = 10_000

/** The dependencies of {@link addGuard}. */
export interface GuardParts {
  rules: VerificationRules<AccessClaims | MachineClaims>
  cookies: TokenCookies
  sites: SiteCheck
  proofs: RequestProofs
}

/**
 * Protects every route whose config lacks `public: true`. A preHandler hook verifies the access
 * token and sets `request.user` to its claims. The Authorization header counts first, else the
 * cookie, never both. Then the token of a person must have every role of the config (`roles`),
 * that of a machine client every scope (`scopes`). The guard runs before the validation is
 * reported, so that a stranger learns nothing about a protected route.
 */
export function addGuard(
  app: FastifyInstance,
  { rules, cookies, sites, proofs }: GuardParts,
): void {
  const verified = createVerifiedTokens<CallerClaims>(rememberedTokens)
  app.register(fastifyJwt, {
    secret: {
      public: async (_request: FastifyRequest, token: { header: Record<string, unknown> }) =>
        rules.keyFor(token.header).publicPem,
    } as never,
    decode: { complete: true },
    verify: { ...rules.options, extractToken: (request: FastifyRequest) => request.accessToken },
    trusted: async (_request, claims) => Boolean(rules.check(claims)),
  })
  app.decorateRequest('holding', null)
  app.decorateRequest('tokensIssued', false)
  app.decorateRequest('accessToken', '')
  const verify = async (request: FastifyRequest, token: string) => {
    // Refuse non-canonical tokens before a library parses them.
    if (!isCompactJws(token)) throw new Problem('invalid_token')
    request.accessToken = token
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
  const identify = async (request: FastifyRequest, token: string) => {
    if (!isKnown(request, token)) await verify(request, token)
  }
  const acceptBearer = (request: FastifyRequest) => {
    requireUnbound(request.user)
    request.holding = bearer
  }
  const checkHeader = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { scheme, token }: HeaderCredentials,
  ) => {
    await identify(request, token)
    if (scheme === 'bearer') acceptBearer(request)
    else request.holding = { tokenType: 'DPoP', jkt: requireProof(request, reply, token) }
  }
  const requireProof = (request: FastifyRequest, reply: FastifyReply, token: string): string => {
    const jkt = request.user.cnf?.jkt
    if (jkt === undefined)
      throw new Problem('invalid_token', { detail: 'The token is not bound to a key.' })
    if (proofs.read(request, reply, token) !== jkt)
      throw new Problem('invalid_dpop_proof', { detail: 'The proof is signed by another key.' })
    return jkt
  }
  const acceptCookie = (request: FastifyRequest) => {
    if (!isSafe(request.method)) sites.require(request)
    request.holding = cookie
  }
  // Of several cookies with one name, a sibling sub-domain may have planted some.
  const checkCookies = async (request: FastifyRequest, tokens: string[]) => {
    let failure: Error | undefined = new Problem('missing_token')
    for (const token of tokens) {
      try {
        await identify(request, token)
        requireCookieToken(request.user)
        failure = undefined
        break
      } catch (error) {
        failure = error as Error
      }
    }
    if (failure !== undefined) throw failure
    acceptCookie(request)
  }
  // Without a promise, which would cost as much as the rest of the guard.
  const acceptKnownCookie = (request: FastifyRequest, [token, ...others]: string[]): boolean => {
    if (token === undefined || others.length > 0 || !isKnown(request, token)) return false
    requireCookieToken(request.user)
    acceptCookie(request)
    return true
  }
  app.addHook('preHandler', (request, reply, done) => {
    const { config } = request.routeOptions
    if (request.is404 || config.public === true) {
      done(request.validationError)
      return
    }
    const proceed = () => {
      done(findObstacle(request.user, config) ?? request.validationError)
    }
    const given = readAuthorization(request)
    if (given === null) {
      const tokens = cookies.readAccess(request)
      if (acceptKnownCookie(request, tokens)) proceed()
      else checkCookies(request, tokens).then(proceed, done)
    } else if (given.scheme === 'bearer' && isKnown(request, given.token)) {
      acceptBearer(request)
      proceed()
    } else checkHeader(request, reply, given).then(proceed, done)
  })
  app.addHook('onRoute', (route) => {
    route.attachValidation = true
    requireUsablePermissions(route)
  })
  app.decorateRequest('readCaller', async function (reply) {
    const given = readAuthorization(this)
    if (given === null) {
      try {
        await checkCookies(this, cookies.readAccess(this))
      } catch (error) {
        if (error instanceof Problem && error.code === 'cross_site_request') throw error
        return null
      }
    } else await checkHeader(this, reply, given)
    if (machineOf(this.user) !== null) throw forPeople()
    return this.user
  })
}

// RFC 9110 §9.2.1.
function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

// RFC 9449 §7.2: a thief must not use a bound token without its key.
function requireUnbound({ cnf }: CallerClaims): void {
  if (cnf !== undefined)
    throw new Problem('invalid_token', {
      isBound: true,
      detail: 'The token is bound to a key. Send it as "Authorization: DPoP", with a proof.',
    })
}

// Only browsers of people hold tokens in cookies. A page must not act as a machine client.
function requireCookieToken(claims: CallerClaims): void {
  requireUnbound(claims)
  if (machineOf(claims) !== null) throw new Problem('invalid_token')
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(freeze)
  return Object.freeze(value)
}
