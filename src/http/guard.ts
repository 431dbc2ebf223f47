import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem, type ProblemCode } from '../errors.js'
import type { AccessClaims, VerificationRules } from '../tokens/access.js'
import { isCompactJws } from '../tokens/compact.js'

declare module '@fastify/jwt' {
  interface FastifyJWT { payload: AccessClaims, user: AccessClaims }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers without an access token. Without this word it is protected. */
    public?: boolean
    /** The problems a route can answer beyond those that every route of its kind can. */
    problems?: readonly ProblemCode[]
  }
}

/**
 * Puts the guard before every route of the application whose config does not say `public: true`: a preHandler hook that verifies the access token and sets `request.user`
 * to its claims. A request that does not fit its schema is refused after the guard, so that a stranger learns nothing about a protected route.
 */
export function addGuard (app: FastifyInstance, rules: VerificationRules): void {
  app.register(fastifyJwt, {
    secret: { public: async (_request: FastifyRequest, token: { header: Record<string, unknown> }) => rules.keyFor(token.header) } as never,
    decode: { complete: true },
    verify: { ...rules.options, extractToken: readBearer },
    trusted: async (_request, claims) => Boolean(rules.check(claims))
  })
  app.addHook('preHandler', async (request) => {
    if (!request.is404 && request.routeOptions.config.public !== true) await request.jwtVerify()
    if (request.validationError) throw request.validationError
  })
  app.addHook('onRoute', (route) => { route.attachValidation = true })
}

/**
 * The token of the Authorization header (RFC 6750 §2.1). The scheme is case-insensitive (RFC 9110 §11.1).
 * @throws Problem `missing_token` without bearer credentials, `invalid_token` for what cannot be a token, `invalid_request` for two headers
 */
export function readBearer (request: Pick<FastifyRequest, 'headers' | 'raw'>): string {
  const { authorization } = request.headers
  // Node keeps the first of two Authorization headers and drops the other (RFC 6750 §3.1: more than one is an invalid request).
  if (request.raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.length === 13 && name.toLowerCase() === 'authorization').length > 1) {
    throw new Problem('invalid_request', { errors: [{ pointer: 'authorization', detail: 'must be sent once' }] })
  }
  const [, credentials] = /^bearer(?: +(.*))?$/i.exec(authorization ?? '') ?? []
  if (!credentials) throw new Problem('missing_token')
  if (!isCompactJws(credentials)) throw new Problem('invalid_token')
  return credentials
}
