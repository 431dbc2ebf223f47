import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * Tokens and hashes: with addresses, what must not stand in a log though a library's message
 * may quote it.
 */
const secrets = /\beyJ[\w-]+\.[\w-]*(\.[\w-]*)?|\$(argon2|2[aby]|scrypt|pbkdf2)[^\s"'`]*/g

/**
 * The text without tokens, hashes and every word that may hold an address, also one with a
 * password before the `@`.
 */
export function redact(text: string): string {
  // The part of an address before the `@` may have any sign in it (RFC 5322 §3.4.1); only the
  // folders of npm's scopes are known to be none.
  return text.replace(/\S+/g, (word) =>
    word.replaceAll('node_modules/@', '').includes('@')
      ? '[redacted]'
      : word.replace(secrets, '[redacted]'),
  )
}

/**
 * The logger of the process: one JSON object a line; readable text where the output is a
 * terminal. Requests are logged by route, never by URL, header or body; of errors the kind,
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

/** Logs each answered request once, with its route and the milliseconds it took. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply, request.is404 ? null : String(request.routeOptions.url))
    done()
  })
}

/**
 * The line of one request.
 *
 * @param route null where there is none
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
