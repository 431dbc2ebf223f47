import { machineProblems } from './machine-problems.js'

/** The meaning of a code: its HTTP status, a short title, and advice for the caller. */
export interface ProblemKind {
  status: number
  /** The status on public routes that issue tokens, if it differs there (RFC 9449 §5, §8). */
  tokenStatus?: number
  title: string
  advice: string
}

const kinds = {
  ...machineProblems,
  invalid_json: {
    status: 400,
    title: 'The body is not valid JSON',
    advice: 'Send a JSON document in UTF-8.',
  },
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    advice:
      'Compare the request with the contract at /openapi.json. "errors" names each invalid member. Unknown members and wrong types are refused; values are not converted.',
  },
  invalid_one_time_token: {
    status: 400,
    title: 'The link is no longer valid',
    advice: 'Each link works once and for a limited time. Ask for a new mail.',
  },
  missing_token: {
    status: 401,
    title: 'An access token is required',
    advice:
      'Send the header "Authorization: Bearer <access token>". Get a token with POST /login or POST /signup.',
  },
  invalid_token: {
    status: 401,
    title: 'The access token is not valid',
    advice:
      'Access tokens expire after a few minutes. Get a new one with POST /refresh, or log in again.',
  },
  invalid_credentials: {
    status: 401,
    title: 'E-mail or password is wrong',
    advice: 'Check both. For your safety, this response does not say which of the two is wrong.',
  },
  invalid_refresh_token: {
    status: 401,
    title: 'The refresh token is not valid',
    advice:
      'Log in again. For your safety, this response does not say what is wrong with the token.',
  },
  use_dpop_nonce: {
    status: 401,
    tokenStatus: 400,
    title: 'The DPoP proof needs the current nonce',
    advice:
      'Sign a new proof with the nonce of the "DPoP-Nonce" header, and repeat the request. Use the last nonce that you were sent.',
  },
  invalid_dpop_proof: {
    status: 401,
    tokenStatus: 400,
    title: 'The DPoP proof is not valid',
    advice:
      'Sign a new proof for each request (RFC 9449): with ES256 or EdDSA, the method and URL of the request, a new "jti", the nonce, and the hash of the access token if there is one.',
  },
  forbidden: {
    status: 403,
    title: 'The account may not do this',
    advice: 'The account has been disabled. Contact the operator of this service.',
  },
  account_disabled: {
    status: 403,
    title: 'The account is disabled',
    advice:
      'The password was right, but the account has been disabled. Contact the operator of this service.',
  },
  email_unverified: {
    status: 403,
    title: 'The e-mail address is not verified',
    advice:
      'The password was right. First use the link in the mail, or request the mail again with POST /email/resend.',
  },
  cross_site_request: {
    status: 403,
    title: 'The request comes from another site',
    advice:
      'Cookies count only for pages of this server and of the origins that its operator allows (CORS_ORIGINS). A server that acts for a browser sends such an origin in the "Origin" header.',
  },
  missing_role: {
    status: 403,
    title: 'The account lacks a role',
    advice:
      'This route is for accounts with a certain role. If you were given the role just now, get a new access token with POST /refresh. Otherwise ask an admin of this service.',
  },
  wrong_password: {
    status: 403,
    title: 'The password is wrong',
    advice: 'Confirm this step with the current password of the account.',
  },
  signup_closed: {
    status: 403,
    title: 'Sign-up is closed',
    advice:
      'Only the operator of this service creates accounts. Ask the operator for an account, or log in if you have one.',
  },
  not_found: {
    status: 404,
    title: 'The path was not found',
    advice: 'Check the path. GET / lists the entry points.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The path does not support this method',
    advice: 'The "Allow" header lists the supported methods.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    advice: 'Send the whole request within a few seconds of opening the connection.',
  },
  email_taken: {
    status: 409,
    title: 'The e-mail address already has an account',
    advice: 'Log in instead, or sign up with another address.',
  },
  last_admin: {
    status: 409,
    title: 'The last admin must stay',
    advice:
      'This would leave the service without an enabled admin. First give the role "admin" to another account.',
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large',
    advice: 'Send a body of at most 16 KiB.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body must be JSON',
    advice: 'Send the header "Content-Type: application/json" with a JSON body in UTF-8.',
  },
  weak_password: {
    status: 422,
    title: 'The password is too weak',
    advice:
      '"reasons" says why: too_short, too_long, too_guessable or contains_email. Several uncommon words in a row make a good password.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    advice: 'Try again after the number of seconds in the "Retry-After" header.',
  },
  headers_too_large: {
    status: 431,
    title: 'The request headers are too large',
    advice: 'Send at most 16 KiB of request line and headers.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong on our side',
    advice:
      'Try again. If the error persists, report the request_id to the operator of this service.',
  },
  overloaded: {
    status: 503,
    title: 'The server is overloaded',
    advice: 'Try again after the number of seconds in the "Retry-After" header.',
  },
  unavailable: {
    status: 503,
    title: 'The service is not available',
    advice:
      'The database cannot be reached, or the server is shutting down. Try again after the number of seconds in the "Retry-After" header.',
  },
} as const satisfies Record<string, ProblemKind>

/** A stable word that clients switch on. */
export type ProblemCode = keyof typeof kinds

/** Every code that a response can carry, and its meaning. */
export const problemKinds: Readonly<Record<ProblemCode, ProblemKind>> = kinds

/** A reason for refusing a password. */
export type Weakness = 'too_short' | 'too_long' | 'too_guessable' | 'contains_email'

/**
 * One invalid member of the request. `pointer` is a JSON Pointer (RFC 6901) into the body, or
 * the name of a query parameter or header.
 */
export interface FieldError {
  pointer: string
  detail: string
}

/** A limit that was reached: its name, and how many calls it allows in how many seconds. */
export interface ReachedLimit {
  name: string
  calls: number
  seconds: number
}

/**
 * The details of a problem. The client gets them, `waitSeconds` and `limit` as headers. Only
 * the log gets `cause` and `account`, the id of the affected account.
 */
export interface ProblemExtras {
  account?: string | undefined
  detail?: string
  errors?: FieldError[]
  reasons?: Weakness[]
  waitSeconds?: number
  limit?: ReachedLimit
  /** Whether the token of the request is bound to a key: the challenge asks for a proof. */
  isBound?: boolean
  /** The scopes that the route needs, separated by spaces, for the challenge. */
  scope?: string
  cause?: unknown
}

/** A failure with a code of the contract. Features throw no other error on purpose. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly extras: ProblemExtras

  constructor(code: ProblemCode, extras: ProblemExtras = {}) {
    // A problem is a response, not a bug, so its stack is never read. Capturing it would be a
    // seventh of the cost of refusing a request. A cause keeps its own stack.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(code, { cause: extras.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.extras = extras
  }

  get kind(): ProblemKind {
    return problemKinds[this.code]
  }
}
