import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import {
  type FieldError,
  Problem,
  type ProblemCode,
  type ProblemExtras,
  problemKinds,
} from '../errors.js'
import { exampleUrl, withExamples } from './examples.js'
import { oauthResponse } from './oauth.js'
import { nameProblems, type ProblemOperation } from './problem-schemas.js'
import { problemDocument, statusOf } from './problems.js'
import { everyWay, securitySchemes } from './security-schemes.js'
import { Duration } from './duration.js'

/** The version of the contract, as in package.json, its server, and the order of its paths. */
export interface ContractInfo {
  version: string
  publicUrl: string
  /** Routes as `METHOD /path/:parameter`. */
  order: string[]
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
export function collectContract(
  app: FastifyInstance,
  { version, publicUrl, order }: ContractInfo,
): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version,
        description,
        contact: { name: 'The operator of this server', url: publicUrl },
        license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
      },
      servers: [
        {
          url: publicUrl,
          description: 'This server, local or in production',
          'x-internal': false,
        } as { url: string },
      ],
      security: everyWay,
      tags: [
        { name: 'Account', description: 'Sign up, log in, and manage the account' },
        { name: 'Admin', description: 'Manage other accounts, with the role `admin`' },
        { name: 'Machines', description: 'Tokens for programs, and the state of tokens' },
        { name: 'Operation', description: 'For probes and people' },
        { name: 'Tokens', description: 'The claims of a token and how to verify it' },
      ],
      components: {
        securitySchemes,
      },
    },
    refResolver: { buildLocalReference: ({ $id }) => $id as string },
    // Else a path of PUBLIC_URL such as /log would be cut from /login.
    stripBasePath: false,
    transform: ({ schema, url, route }) => ({ schema: describe(schema, route), url }),
    transformObject: (document) => {
      const { openapiObject } = document as {
        openapiObject: { components: { schemas: Record<string, object> }; paths: Paths }
      }
      const { components } = openapiObject
      const paths = sorted(openapiObject.paths, order)
      Object.values(paths).forEach(markOptionalBodies)
      nameProblems({ components, paths })
      return withExamples({ ...openapiObject, paths }, publicUrl)
    },
  })
}

type Paths = Record<string, Record<string, Operation>>

interface Operation extends ProblemOperation {
  requestBody?: {
    required: boolean
    content: Record<string, { schema: { required?: string[]; minProperties?: number } }>
  }
}

// A body without required members can be left out. The plugin says that every body is required.
function markOptionalBodies(operations: Record<string, Operation>): void {
  for (const { requestBody } of Object.values(operations))
    if (requestBody)
      requestBody.required = Object.values(requestBody.content).some(
        ({ schema }) => schema.required !== undefined || schema.minProperties !== undefined,
      )
}

// Scopes of their own are registered last. A person who tries one route after another must not
// delete the account before the rest. Paths that the order does not name come last.
function sorted(paths: Paths, order: string[]): Paths {
  const named = order.map((route) => route.replace(/^\w+ /, '').replace(/:(\w+)/g, '{$1}'))
  const place = (path: string) => (named.includes(path) ? named.indexOf(path) : named.length)
  return Object.fromEntries(
    Object.entries(paths).sort(([one], [other]) => place(one) - place(other)),
  )
}

// Adds the parts that routes need not repeat: whether the route is protected, and the problems of
// every route of its kind.
function describe(
  schema: FastifySchema | undefined,
  { config, method }: RouteOptions,
): FastifySchema {
  if (schema === undefined || schema.hide === true) return { hide: true }
  const guarded = config?.public !== true
  const codes = new Set<ProblemCode>([
    ...(schema.body && config?.oauth !== true ? (['invalid_json'] as const) : []),
    ...(schema.body ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    // Also for two Host headers.
    'invalid_request',
    ...(guarded ? (['missing_token', 'invalid_token'] as const) : []),
    ...(config?.roles === undefined ? [] : (['missing_role'] as const)),
    ...(guarded ? refusalsOfMachines(config?.scopes) : []),
    ...(config?.tokens === true || guarded
      ? (['use_dpop_nonce', 'invalid_dpop_proof'] as const)
      : []),
    ...(config?.tokens === true || (guarded && method !== 'GET')
      ? (['cross_site_request'] as const)
      : []),
    ...(config?.limit === undefined ? [] : (['rate_limited'] as const)),
    'headers_too_large',
    'internal_error',
    ...(config?.problems ?? []),
  ])
  const statuses = new Set([...codes].map((code) => statusOf(code, config)))
  const problems = Object.fromEntries(
    [...statuses].map((status) => [
      status,
      errorResponse(
        [...codes].filter((code) => statusOf(code, config) === status),
        { status, body: schema.body, isOAuth: config?.oauth === true },
      ),
    ]),
  )
  const { querystring: _none, ...shown } = schema
  // A public route that can refuse a token accepts one, but does not require it.
  const security = schema.security ?? (codes.has('invalid_token') ? [{}, ...everyWay] : [])
  return {
    ...shown,
    ...(config?.optionalBody && { body: config.optionalBody }),
    ...(config?.query && { querystring: config.query }),
    ...(!guarded && { security }),
    response: { ...(schema.response as object), ...problems },
  }
}

function refusalsOfMachines(scopes: readonly string[] | undefined): ProblemCode[] {
  if (scopes === undefined) return ['forbidden']
  return scopes.length > 0 ? ['insufficient_scope'] : []
}

function errorResponse(
  codes: ProblemCode[],
  { status, body, isOAuth }: { status: number; body: unknown; isOAuth: boolean },
) {
  return {
    // Node refuses such headers before there is a route.
    ...(isOAuth && status !== 431
      ? oauthResponse(codes, exampleUrl)
      : problemResponse(codes, status, exampleError(body))),
    ...(headersByStatus[status] && { headers: headersByStatus[status] }),
  }
}

const retryAfter = Duration('Seconds to wait')

const headersByStatus: Record<number, object> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'The challenge (RFC 6750 §3)' } },
  429: {
    'Retry-After': retryAfter,
    'RateLimit-Policy': { type: 'string', description: 'The limit' },
    RateLimit: { type: 'string', description: 'The rest of the limit' },
  },
  503: { 'Retry-After': retryAfter },
}

// An error that the route can have.
function exampleError(body: unknown): FieldError {
  const { required = [], minProperties } = (body ?? {}) as {
    required?: string[]
    minProperties?: number
  }
  const [member] = required
  if (minProperties !== undefined) return { pointer: '', detail: 'must have at least one member' }
  return member === undefined
    ? { pointer: 'host', detail: 'must be sent once' }
    : { pointer: `/${member}`, detail: 'is missing' }
}

const exampleExtras: Partial<Record<ProblemCode, ProblemExtras>> = {
  weak_password: {
    reasons: ['too_guessable'],
    detail: 'This is a commonly used password. Add more words that are less common.',
  },
}

/** @param error the example of `invalid_request` */
function problemResponse(codes: ProblemCode[], status: number, error: FieldError) {
  const examples = Object.fromEntries(
    codes.map((code) => [
      code,
      {
        value: problemDocument(
          new Problem(code, code === 'invalid_request' ? { errors: [error] } : exampleExtras[code]),
          { publicUrl: exampleUrl, requestId: 'e7c0ce3f-9f4d-4f6f-9a5b-0a63a8a7a0b1', status },
        ),
      },
    ]),
  )
  return {
    description: codes.map((code) => `\`${code}\`: ${problemKinds[code].title}`).join('; '),
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' }, examples } },
  }
}
