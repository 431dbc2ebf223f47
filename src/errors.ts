/** What a code means: its HTTP status, a short title, and advice for the person who meets it. */
export interface ProblemKind {
  status: number
  title: string
  advice: string
}

const kinds = {
  invalid_json: {
    status: 400,
    title: 'The body is not JSON',
    advice: 'Send a JSON document in UTF-8.',
  },
  invalid_request: {
    status: 400,
    title: 'The request does not fit',
    advice:
      'Compare the request with the contract at /openapi.json; "errors" names each member that does not fit. Unknown members and wrong types are refused, nothing is converted.',
  },
  invalid_one_time_token: {
    status: 400,
    title: 'The link is not valid any more',
    advice: 'Such a link works once and for a limited time. Ask for a new mail.',
  },
  missing_token: {
    status: 401,
    title: 'An access token is needed',
    advice:
      'Send the header "Authorization: Bearer <access token>". A token comes from POST /login or POST /signup.',
  },
  invalid_token: {
    status: 401,
    title: 'The access token is not valid',
    advice: 'Access tokens live a few minutes. Get a new one with POST /refresh, or log in again.',
  },
  invalid_credentials: {
    status: 401,
    title: 'E-mail or password is wrong',
    advice: 'Check both. For your safety the answer does not say which of the two is wrong.',
  },
  invalid_refresh_token: {
    status: 401,
    title: 'The refresh token is not valid',
    advice: 'Log in again. For your safety the answer does not say what is wrong with the token.',
  },
  forbidden: {
    status: 403,
    title: 'The account may not do this',
    advice: 'The account has been disabled. Ask whoever runs this service.',
  },
  account_disabled: {
    status: 403,
    title: 'The account is disabled',
    advice:
      'The password was right, but the account has been disabled. Ask whoever runs this service.',
  },
  email_unverified: {
    status: 403,
    title: 'The e-mail address is not verified',
    advice:
      'The password was right. Use the link of the mail first, or ask for that mail again with POST /email/resend.',
  },
  wrong_password: {
    status: 403,
    title: 'The password is wrong',
    advice: 'Confirm this step with the present password of the account.',
  },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    advice: 'Check the path. GET / lists where to start.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This path does not take that method',
    advice: 'The "Allow" header lists the methods it takes.',
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
  payload_too_large: {
    status: 413,
    title: 'The body is too large',
    advice: 'Bodies may have up to 16 KiB.',
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
    title: 'Too many calls',
    advice: 'Try again after the number of seconds in the "Retry-After" header.',
  },
  headers_too_large: {
    status: 431,
    title: 'The request headers are too large',
    advice: 'Request line and headers together may have up to 16 KiB.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong on our side',
    advice: 'Try again; if it stays, report the request_id to whoever runs this service.',
  },
  overloaded: {
    status: 503,
    title: 'Too much to do at once',
    advice: 'Try again after the number of seconds in the "Retry-After" header.',
  },
  unavailable: {
    status: 503,
    title: 'The service is not available',
    advice:
      'The database is away or the server is shutting down. Try again after the number of seconds in the "Retry-After" header.',
  },
} as const satisfies Record<string, ProblemKind>

/** A stable word that clients switch on. */
export type ProblemCode = keyof typeof kinds

/** Every code an answer can carry and what it means. */
export const problemKinds: Readonly<Record<ProblemCode, ProblemKind>> = kinds

/** Why a password was refused. */
export type Weakness = 'too_short' | 'too_long' | 'too_guessable' | 'contains_email'

/**
 * One member of the request that does not fit; `pointer` is a JSON Pointer (RFC 6901) into the
 * body, or the name of a query or header.
 */
export interface FieldError {
  pointer: string
  detail: string
}

/** A limit that was reached: its name, and how many calls it takes in how many seconds. */
export interface ReachedLimit {
  name: string
  calls: number
  seconds: number
}

/**
 * What an answer says beyond its code. Everything here is sent to the client (`waitSeconds` and
 * `limit` as headers), except `cause` and `account`, the id of the account that it happened to,
 * which are only logged.
 */
export interface ProblemExtras {
  account?: string | undefined
  detail?: string
  errors?: FieldError[]
  reasons?: Weakness[]
  waitSeconds?: number
  limit?: ReachedLimit
  cause?: unknown
}

/**
 * A failure with a code of the contract. The only error that the rules of the product throw on
 * purpose.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly extras: ProblemExtras

  constructor(code: ProblemCode, extras: ProblemExtras = {}) {
    // A problem is an answer, not a fault, and nobody reads its stack; taking it down is a seventh
    // of what refusing a request costs. A cause keeps its own.
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
