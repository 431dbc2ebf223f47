/** A problem of the server (RFC 9457). `code` is stable; switch on it. */
export interface Problem {
  type: string
  title: string
  status: number
  code: string
  detail?: string
  request_id?: string
  /** The invalid members, only with `invalid_request`. */
  errors?: Array<{ pointer: string; detail: string }>
  /** Why a password was refused, only with `weak_password`. */
  reasons?: string[]
}

/**
 * The one error of this client.
 *
 * `code` is the code of the server's problem, or one of these:
 *
 * - `network`: the server was not reached, or something that is not Latchkey responded
 * - `foreign_origin`: the URL is on an origin that must not get the token; nothing was sent
 * - `insecure_context`: the storage `dpop` needs https or localhost
 * - `storage_unavailable`: the storage `dpop` cannot keep its key in this browser
 * - `logged_out`: a logout, or the login of another account, was faster than this call
 */
export class LatchkeyError extends Error {
  declare readonly code: string
  /** The status of the response; 0 without a response. */
  declare readonly status: number
  /** The problem as the server sent it, if it sent one. */
  declare readonly problem?: Problem
  /** The seconds to wait before a retry, if the server named them. */
  declare readonly retryAfter?: number | undefined

  constructor(
    code: string,
    message: string,
    { cause, ...details }: Partial<Omit<LatchkeyError, 'code' | 'message' | 'name'>> = {},
  ) {
    super(message, { cause })
    Object.assign(this, { name: 'LatchkeyError', code, status: 0 }, details)
  }
}
