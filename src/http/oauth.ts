import { Type } from 'typebox'
import { Problem, type ProblemCode, problemKinds } from '../errors.js'

/**
 * The `error` of OAuth for codes of Latchkey (RFC 6749 §5.2). Other codes of a request that is
 * at fault are `invalid_request`.
 */
const errors: Partial<Record<ProblemCode, string>> = {
  invalid_client: 'invalid_client',
  unsupported_grant_type: 'unsupported_grant_type',
  invalid_scope: 'invalid_scope',
  rate_limited: 'temporarily_unavailable',
  unavailable: 'temporarily_unavailable',
  internal_error: 'server_error',
}

const OAuthErrorObject = Type.Object(
  {
    error: Type.Enum(['invalid_request', ...new Set(Object.values(errors))], {
      description: 'The stable code; switch on it',
    }),
    error_description: Type.String({ description: 'What to do' }),
    error_uri: Type.String({ description: 'The URL that explains the code' }),
  },
  {
    additionalProperties: false,
    $id: 'OAuthError',
    description: 'The shape of errors that OAuth libraries expect (RFC 6749 §5.2)',
  },
)

/** The shared schemas of the OAuth endpoints. */
export const oauthSchemas = [OAuthErrorObject]

/** An error of an OAuth endpoint. */
export interface OAuthErrorDocument {
  error: string
  error_description: string
  error_uri: string
}

/** Returns the response document of a problem at an OAuth endpoint. */
export function oauthDocument(
  { code, kind, extras }: Problem,
  publicUrl: string,
): OAuthErrorDocument {
  const [first] = extras.errors ?? []
  const description =
    code === 'unsupported_media_type'
      ? 'Send the body as application/x-www-form-urlencoded.'
      : first === undefined
        ? (extras.detail ?? kind.advice)
        : `${first.pointer.replace(/^\//, '') || 'The body'} ${first.detail}.`
  return {
    error: errors[code] ?? 'invalid_request',
    // RFC 6749 §5.2: without quotes and backslashes.
    error_description: description.replaceAll('"', "'").replace(/[^ !#-[\]-~]/g, ''),
    error_uri: `${publicUrl}/problems/${code}`,
  }
}

/**
 * Returns the errors of one status of an OAuth endpoint, for the contract.
 *
 * @param publicUrl stands for PUBLIC_URL
 */
export function oauthResponse(codes: ProblemCode[], publicUrl: string): object {
  return {
    description: codes.map((code) => `\`${code}\`: ${problemKinds[code].title}`).join('; '),
    content: {
      'application/json': {
        schema: { $ref: 'OAuthError#' },
        examples: Object.fromEntries(
          codes.map((code) => [code, { value: oauthDocument(new Problem(code), publicUrl) }]),
        ),
      },
    },
  }
}

/** A machine client for examples. */
export const exampleClient = {
  id: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e62',
  secret: 'lk_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
}

/** The credentials of a machine client in a form, as schemas. */
export const ClientForm = {
  client_id: Type.Optional(
    Type.String({ description: 'The id of the client, if not in the header' }),
  ),
  client_secret: Type.Optional(
    Type.String({ description: 'The secret of the client, if not in the header' }),
  ),
}
