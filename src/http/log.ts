import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * Tokens, hashes, and the secrets of machine clients and webhooks. A library's message may
 * quote them, but the log must not.
 */
const secrets =
  /\beyJ[\w-]+\.[\w-]*(\.[\w-]*)?|\$(argon2|2[aby]|scrypt|pbkdf2)[^\s"'`]*|\b(lk|whsec)_[\w+/=-]{20,}/g

/**
 * Returns the text without tokens, hashes, secrets, and words that may contain an e-mail
 * address or a password before an `@`.
 */
export function redact(text: string): string {
  // The local part of an address may contain any character (RFC 5322 §3.4.1). Only the scope
  // folders of npm are known to be no address.
  return text.replace(/\S+/g, (word) =>
    word.replaceAll('node_modules/@', '').includes('@')
      ? '[redacted]'
      : word.replace(secrets, '[redacted]'),
  )
}

/**
 * Creates the logger of the process: one JSON object a line, or readable text on a terminal. A
 * request is logged by its route, never by URL, header or body. An error is logged by kind,
 * code, message and stack, without addresses, tokens and hashes.
 */
export async function createLogger(
  level: string,
  output: DestinationStream & { isTTY?: boolean },
): Promise<Logger> {
  const stream =
    output.isTTY === true
      ? (await import('pino-pretty')).default({
          destination: output as never,
          ignore: 'pid,hostname',
          translateTime: 'SYS:HH:MM:ss',
          singleLine: true,
          sync: true,
        })
      : output
  return pino({ level, serializers: { err: describeError } }, stream)
}

/** Logs each finished request with its route and duration in milliseconds. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply, request.is404 ? null : String(request.routeOptions.url))
    done()
  })
}

/**
 * Logs one request.
 *
 * @param route null if the request has none
 */
export function logRequest(
  { log, method }: FastifyRequest,
  { statusCode, elapsedTime }: FastifyReply,
  route: string | null,
): void {
  log.info({ method, route, status: statusCode, ms: Math.round(elapsedTime * 10) / 10 }, 'request')
}

function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: redact(String(error)) }
  const { code } = error as { code?: unknown }
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    message: redact(error.message),
    stack: redact(error.stack ?? ''),
    ...cause,
  }
}
