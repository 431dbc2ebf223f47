import { LatchkeyError, type Problem } from './error.js'

/** An account, as the server shows it to its owner. */
export interface User {
  id: string
  email: string
  email_verified: boolean
  name: string | null
  roles: string[]
  /** RFC 3339, UTC. */
  created_at: string
  /** RFC 3339, UTC. */
  updated_at: string
}

/** A reply with tokens. With the storage `cookie` it has none: they are in cookies. */
export interface TokenReply {
  access_token?: string
  refresh_token?: string
  /** Life of the access token in seconds. */
  expires_in: number
  user: User
}

/** Returns an error as one of this client. That of a fetch that was rejected is `network`. */
export const errorOf = (cause: unknown): LatchkeyError =>
  cause instanceof LatchkeyError
    ? cause
    : new LatchkeyError('network', 'The server was not reached.', { cause })

const unexpected = (details: { status: number }) =>
  new LatchkeyError('network', `Unexpected response (${details.status}).`, details)

/**
 * Returns the JSON of a response; null without a body.
 *
 * @throws LatchkeyError with the code of the problem, or `network` if the body is not
 *   Latchkey's
 * @throws the error of the browser if the body does not arrive
 */
export async function readReply(response: Response): Promise<unknown> {
  const { ok, status } = response
  const text = await response.text()
  const body = parse(text)
  if (ok && (text === '' || body !== undefined)) return body ?? null
  const details = { status, retryAfter: secondsOf(response.headers.get('retry-after')) }
  const problem = body as Problem | null
  throw ok || !problem?.code
    ? unexpected(details)
    : new LatchkeyError(problem.code, problem.detail ?? problem.title, { ...details, problem })
}

/**
 * Returns a reply with tokens.
 *
 * @throws LatchkeyError `network` if it is something else, as from the login page of a hotel
 */
export function requireTokens(reply: unknown, inCookies: boolean): TokenReply {
  const tokens = Object(reply) as Partial<TokenReply>
  const isComplete = inCookies || typeof (tokens.access_token && tokens.refresh_token) === 'string'
  if (isComplete && tokens.user?.id && (tokens.expires_in ?? 0) > 0) return tokens as TokenReply
  throw unexpected({ status: 200 })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date by the clock of this device. */
function secondsOf(header: string | null): number | undefined {
  const seconds = Number(header) || (Date.parse(header ?? '') - Date.now()) / 1000
  return seconds > 0 ? seconds : undefined
}
