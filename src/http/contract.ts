import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { Problem, type ProblemCode, type ProblemExtras, problemKinds } from '../errors.js'
import { problemDocument } from './problems.js'

/** The version of the contract, as in package.json, and its server. */
export interface ContractInfo {
  version: string
  publicUrl: string
}

const description = [
  'E-mail and password in, signed JWTs out; no session is stored.',
  'Sign up or log in, then send `Authorization: Bearer <access_token>`. Any service can check the token offline with the keys of `/.well-known/jwks.json`.',
  'Every error has one shape, `application/problem+json` (RFC 9457); switch on its `code`. Input is strict: unknown members, `null` and wrong types are refused, and values are never converted.',
].join('\n\n')

/**
 * Collects the contract (OpenAPI 3.1) from the schemas of the routes. `app.swagger()` returns
 * it. Call it before the first route.
 */
export function collectContract(app: FastifyInstance, { version, publicUrl }: ContractInfo): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version,
        description,
        license: { name: 'MIT', identifier: 'MIT' } as { name: string },
      },
      servers: [{ url: new URL(publicUrl).pathname, description: 'This server' }],
      tags: [
        { name: 'Account', description: 'Sign up, log in, and manage the account' },
        { name: 'Tokens', description: 'The claims of a token and how to verify it' },
        { name: 'Operation', description: 'For probes and people' },
      ],
      components: {
        securitySchemes: {
          accessToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'at+jwt',
            description: 'An access token from POST /signup, POST /login or POST /refresh',
          },
        },
      },
    },
    refResolver: { buildLocalReference: ({ $id }) => $id as string },
    transform: ({ schema, url, route }) => ({ schema: describe(schema, route), url }),
  })
}

// Adds the parts that routes need not repeat: whether the route is protected, and the problems of
// every route of its kind.
function describe(schema: FastifySchema | undefined, { config }: RouteOptions): FastifySchema {
  if (schema === undefined || schema.hide === true) return { hide: true }
  const guarded = config?.public !== true
  const codes = new Set<ProblemCode>([
    ...(schema.body
      ? ([
          'invalid_json',
          'invalid_request',
          'payload_too_large',
          'unsupported_media_type',
        ] as const)
      : []),
    ...(guarded ? (['invalid_request', 'missing_token', 'invalid_token'] as const) : []),
    ...(config?.limit === undefined ? [] : (['rate_limited'] as const)),
    'headers_too_large',
    'internal_error',
    ...(config?.problems ?? []),
  ])
  const statuses = new Set([...codes].map((code) => problemKinds[code].status))
  const problems = Object.fromEntries(
    [...statuses].map((status) => [
      status,
      problemResponse(
        [...codes].filter((code) => problemKinds[code].status === status),
        status,
      ),
    ]),
  )
  const { querystring: _none, ...shown } = schema
  // A public route that can refuse a token accepts one, but does not require it.
  const security = guarded
    ? [{ accessToken: [] }]
    : codes.has('invalid_token')
      ? [{}, { accessToken: [] }]
      : []
  return { ...shown, security, response: { ...(schema.response as object), ...problems } }
}

const headersByStatus: Record<number, object> = {
  401: { 'www-authenticate': { type: 'string', description: 'The challenge (RFC 6750 §3)' } },
  429: {
    'retry-after': { type: 'integer', description: 'Seconds to wait' },
    'ratelimit-policy': { type: 'string', description: 'The limit' },
    ratelimit: { type: 'string', description: 'The rest of the limit' },
  },
  503: { 'retry-after': { type: 'integer', description: 'Seconds to wait' } },
}

const exampleExtras: Partial<Record<ProblemCode, ProblemExtras>> = {
  invalid_request: { errors: [{ pointer: '/email', detail: 'must be an e-mail address' }] },
  weak_password: {
    reasons: ['too_guessable'],
    detail: 'This is a commonly used password. Add more words that are less common.',
  },
}

function problemResponse(codes: ProblemCode[], status: number) {
  const examples = Object.fromEntries(
    codes.map((code) => [
      code,
      {
        value: problemDocument(
          new Problem(code, exampleExtras[code]),
          'http://localhost:3000',
          'e7c0ce3f-9f4d-4f6f-9a5b-0a63a8a7a0b1',
        ),
      },
    ]),
  )
  return {
    description: codes.map((code) => `\`${code}\`: ${problemKinds[code].title}`).join('; '),
    ...(headersByStatus[status] && { headers: headersByStatus[status] }),
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' }, examples } },
  }
}
