import type { LightMyRequestResponse as Reply } from 'fastify'
import type { Test } from 'tap'

const inside = /FST_|FAST_JWT|P\d{4}|prisma|argon2|sqlite|postgres|node_modules|\.ts\b/i

/** What every problem must be, with what a reply is instead. */
function problemParts(reply: Reply): Record<string, unknown> {
  const { 'content-type': type, 'cache-control': cache, 'x-request-id': requestId } = reply.headers
  const body = bodyOf(reply)
  return {
    status: reply.statusCode,
    contentType: type,
    cache,
    challenged: reply.headers['www-authenticate'] !== undefined,
    body: {
      type: body.type,
      title: typeof body.title,
      status: body.status,
      code: body.code,
      detail: typeof body.detail,
    },
    hasRequestId: body.request_id === requestId && typeof requestId === 'string',
    leaks: reply.body.match(inside)?.[0],
  }
}

function expectedParts(status: number, code: string): Record<string, unknown> {
  return {
    status,
    contentType: 'application/problem+json; charset=utf-8',
    cache: 'no-store',
    // A challenge with 401, with a missing scope, and only there.
    challenged: status === 401 || code === 'insufficient_scope',
    body: {
      type: `http://localhost:3000/problems/${code}`,
      title: 'string',
      status,
      code,
      detail: 'string',
    },
    hasRequestId: true,
    leaks: undefined,
  }
}

function bodyOf(reply: Reply): Record<string, unknown> {
  return reply.body.startsWith('{') ? reply.json() : { code: reply.body.slice(0, 80) }
}

/** The parsed body of a problem, after one comparison with what every problem must be. */
export function problem(
  t: Test,
  reply: Reply,
  status: number,
  code: string,
  name = `${requestOf(reply)} is ${status} ${code}`,
): Record<string, unknown> {
  t.strictSame(problemParts(reply), expectedParts(status, code), name)
  return bodyOf(reply)
}

/**
 * The outcome of a request for a table: `200`, or `401 invalid_token` for a problem that is as
 * every problem must be. A malformed problem gives an object that shows its parts.
 */
export function outcome(reply: Reply): string | object {
  const { statusCode } = reply
  if (statusCode < 400) return String(statusCode)
  const found = problemParts(reply)
  const code = String(bodyOf(reply).code)
  return JSON.stringify(found) === JSON.stringify(expectedParts(statusCode, code))
    ? `${statusCode} ${code}`
    : found
}

/** How often each outcome is among replies. */
export function outcomes(replies: Reply[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const reply of replies) {
    const found = outcome(reply)
    const name = typeof found === 'string' ? found : JSON.stringify(found)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/**
 * The places where a request does not fit, sorted, for a table: the pointers of the problem
 * `invalid_request`. Any other reply gives its outcome, a malformed error the error itself.
 */
export function pointersOf(reply: Reply): unknown {
  const found = outcome(reply)
  if (found !== '400 invalid_request') return found
  const { errors } = reply.json<{ errors: Array<{ pointer: string; detail: string }> }>()
  return errors
    .map((error) =>
      Object.keys(error).join() === 'pointer,detail' && error.detail !== '' ? error.pointer : error,
    )
    .sort()
}

/** The same without repetition: a value can break more than one rule of its member. */
export function uniquePointers(reply: Reply): unknown {
  const found = pointersOf(reply)
  return Array.isArray(found) ? [...new Set(found)] : found
}

/** Where a request does not fit, as the problem `invalid_request` says it. */
export function pointers(t: Test, reply: Reply): string[] {
  const { errors } = problem(t, reply, 400, 'invalid_request') as {
    errors: Array<{ pointer: string; detail: string }>
  }
  return errors.map((error) =>
    Object.keys(error).join() === 'pointer,detail' && error.detail !== ''
      ? error.pointer
      : `malformed: ${JSON.stringify(error)}`,
  )
}

/** The names of the headers of a reply, in alphabetical order. */
export function headerNames(reply: Reply): string[] {
  return Object.keys(reply.headers).sort()
}

function requestOf({ raw: { req } }: Reply): string {
  return `${req.method} ${req.url}`.slice(0, 80)
}
