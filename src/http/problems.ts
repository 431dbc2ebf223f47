import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type FieldError, Problem, type ProblemCode, problemKinds } from '../errors.js'
import { dpopAlgorithms } from '../tokens/dpop-proof.js'
import { auditRefusal } from './audit.js'
import type { SecurityHeaders } from './headers.js'
import { logRequest } from './log.js'
import { oauthDocument } from './oauth.js'
import { patternRules } from './patterns.js'

/** The one shape of every error (RFC 9457). */
export interface ProblemDocument {
  type: string
  title: string
  status: number
  code: ProblemCode
  detail: string
  request_id: string
  error?: ProblemCode
  errors?: FieldError[]
  reasons?: string[]
}

/** The media type of {@link ProblemDocument}, always in UTF-8. */
export const problemMediaType = 'application/problem+json; charset=utf-8'

/** The time that a client should wait before it retries, in seconds. */
const retryAfterSeconds: Partial<Record<ProblemCode, number>> = { overloaded: 1, unavailable: 2 }

/** The max members that one error names. */
export const maxFieldErrors = 10

const byFrameworkCode: Record<string, ProblemCode> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_NOT_FOUND: 'not_found',
}

const byStatus: Record<number, ProblemCode> = {
  404: 'not_found',
  408: 'request_timeout',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
}

/**
 * Converts an error to a problem. Errors that are not caused by the client become
 * `internal_error`.
 */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  const {
    code = '',
    statusCode = 500,
    validation,
    validationContext,
  } = (error instanceof Error ? error : {}) as Partial<FastifyError>
  if (validation !== undefined)
    return new Problem('invalid_request', {
      errors: validation.slice(0, maxFieldErrors).map((one) => fieldError(one, validationContext)),
    })
  // Every error of the token library means a bad token, whatever status it proposes (RFC 6750
  // §3.1).
  if (/^(FST_JWT|FAST_JWT)_/.test(code)) return new Problem('invalid_token', { cause: error })
  const known = byFrameworkCode[code] ?? byStatus[statusCode]
  if (known !== undefined) return new Problem(known)
  if (error instanceof SyntaxError && statusCode === 400) return new Problem('invalid_json')
  if (statusCode >= 400 && statusCode < 500) return new Problem('invalid_request')
  return new Problem('internal_error', { cause: error })
}

/** The parts of a document that do not come from the problem. */
export interface DocumentParts {
  publicUrl: string
  requestId: string
  /** The status of the response, if it is not the usual one of the code. */
  status?: number
}

/** Returns the response document of a problem. */
export function problemDocument(
  { code, kind, extras }: Problem,
  { publicUrl, requestId, status = kind.status }: DocumentParts,
): ProblemDocument {
  const { errors, reasons } = extras
  return {
    type: `${publicUrl}/problems/${code}`,
    title: kind.title,
    status,
    code,
    detail: extras.detail ?? kind.advice,
    request_id: requestId,
    ...(isDpop(code) && { error: code }),
    ...(errors && { errors }),
    ...(reasons && { reasons }),
  }
}

/**
 * Creates the handler that turns every error into a response. It logs errors of the server,
 * once.
 */
export function createErrorHandler(publicUrl: string, securityHeaders: SecurityHeaders) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const problem = toProblem(error)
    const status = reportProblem(problem, request, reply)
    const isOAuth = request.routeOptions.config?.oauth === true
    reply.header('content-type', isOAuth ? 'application/json; charset=utf-8' : problemMediaType)
    // A malformed URL is refused before any hook runs: add the headers, close the connection and
    // log the request here.
    if (!reply.hasHeader('x-request-id')) {
      reply.headers({ ...securityHeaders, 'x-request-id': request.id, connection: 'close' })
      logRequest(request, reply, null)
    }
    reply.send(
      JSON.stringify(
        isOAuth
          ? oauthDocument(problem, publicUrl)
          : problemDocument(problem, { publicUrl, requestId: request.id, status }),
      ),
    )
  }
}

/**
 * Logs a problem where needed, and sets the status and the headers of its response. Returns the
 * status. The body can be a document or a page.
 */
export function reportProblem(
  problem: Problem,
  request: FastifyRequest,
  reply: FastifyReply,
): number {
  const { code, extras } = problem
  if (code === 'internal_error') request.log.error({ err: extras.cause }, 'internal error')
  if (code === 'unavailable' && extras.cause !== undefined)
    request.log.warn({ err: extras.cause }, 'database unavailable')
  auditRefusal(request, problem)
  const status = statusOf(code, request.routeOptions.config)
  if (status === 401 || code === 'insufficient_scope')
    reply.header('www-authenticate', challenge(problem, request.headers.authorization))
  const wait = extras.waitSeconds ?? retryAfterSeconds[code]
  if (wait !== undefined) reply.header('retry-after', wait)
  // Structured fields of draft-ietf-httpapi-ratelimit-headers.
  if (extras.limit !== undefined)
    reply.headers({
      'ratelimit-policy': `"${extras.limit.name}";q=${extras.limit.calls};w=${extras.limit.seconds}`,
      ratelimit: `"${extras.limit.name}";r=0;t=${wait}`,
    })
  reply.code(status).header('cache-control', 'no-store')
  return status
}

/** Returns the status of a problem on a route, by the route's config. */
export function statusOf(
  code: ProblemCode,
  { tokens, public: isPublic }: { tokens?: boolean; public?: boolean } = {},
): number {
  const { status, tokenStatus = status } = problemKinds[code]
  return tokens === true && isPublic === true ? tokenStatus : status
}

function isDpop(code: ProblemCode): boolean {
  return code === 'use_dpop_nonce' || code === 'invalid_dpop_proof'
}

// RFC 6750 §3: no error code without credentials. RFC 9449 §7.1: a client with a key gets one
// challenge of its own scheme.
function challenge({ code, extras, kind }: Problem, authorization = ''): string {
  if (code === 'invalid_client') return 'Basic realm="latchkey"'
  const description = (extras.detail ?? kind.title).replace(/[^ !#-[\]-~]/g, '')
  const error =
    code === 'invalid_token' || code === 'insufficient_scope' || isDpop(code)
      ? [
          `error="${code}"`,
          `error_description="${description}"`,
          ...(extras.scope === undefined ? [] : [`scope="${extras.scope}"`]),
        ]
      : []
  return isDpop(code) || extras.isBound === true || /^dpop\b/i.test(authorization)
    ? `DPoP ${[...error, `algs="${dpopAlgorithms.join(' ')}"`].join(', ')}`
    : ['Bearer realm="latchkey"', ...error].join(', ')
}

function fieldError(
  {
    instancePath,
    keyword,
    params,
    message,
  }: { instancePath: string; keyword: string; params: Record<string, unknown>; message?: string },
  context: string | undefined,
): FieldError {
  const member = (params.missingProperty ?? params.additionalProperty) as string | undefined
  const path = member === undefined ? instancePath : `${instancePath}/${escape(member)}`
  return {
    pointer: (context === 'body' ? path : path.slice(1)).slice(0, 200).toWellFormed(),
    detail: details[keyword]?.(params) ?? message ?? 'does not fit',
  }
}

/** The texts for keywords of the validator whose own message does not help. */
const details: Record<string, (params: Record<string, unknown>) => string> = {
  required: () => 'is missing',
  additionalProperties: () => 'is not known here',
  pattern: ({ pattern }) => patternRules[String(pattern)] ?? 'has the wrong form',
  minProperties: ({ limit }) => `must have at least ${count(limit, 'member')}`,
  minLength: ({ limit }) => `must have at least ${count(limit, 'character')}`,
  maxLength: ({ limit }) => `must have at most ${count(limit, 'character')}`,
  maxItems: ({ limit }) => `must have at most ${count(limit, 'entry', 'entries')}`,
  uniqueItems: () => 'must not have an entry twice',
  const: ({ allowedValue }) => `must be ${JSON.stringify(allowedValue)}`,
  enum: ({ allowedValues }) => {
    const values = (allowedValues as unknown[]).map((value) => JSON.stringify(value))
    return `must be one of ${values.join(', ')}`
  },
}

function count(limit: unknown, one: string, more = `${one}s`): string {
  return limit === 1 ? `one ${one}` : `${String(limit)} ${more}`
}

// RFC 6901 §3.
function escape(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1')
}
