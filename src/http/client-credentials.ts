import type { FastifyRequest } from 'fastify'
import { Problem } from '../errors.js'
import { countHeader } from './headers.js'

/** The id and the secret of a machine client. Neither is checked. */
export interface ClientCredentials {
  id: string
  secret: string
}

/** The parameters of a form that can have credentials. */
export interface CredentialsForm {
  client_id?: string
  client_secret?: string
}

/**
 * Reads the credentials of a machine client: the header (`client_secret_basic`) or the form
 * (`client_secret_post`), not both (RFC 6749 §2.3).
 *
 * @throws Problem
 *
 *   - `invalid_client` without credentials, or if the header cannot be read
 *   - `invalid_request` for credentials in both places, two headers, or two different ids
 */
export function readClientCredentials(
  { headers: { authorization }, raw }: Pick<FastifyRequest, 'headers' | 'raw'>,
  { client_id: id, client_secret: secret }: CredentialsForm,
): ClientCredentials {
  if (authorization === undefined) {
    if (id === undefined || secret === undefined)
      throw new Problem('invalid_client', {
        detail: 'Send client_id and client_secret, in the header (Basic) or in the body.',
      })
    return { id, secret }
  }
  if (countHeader(raw.rawHeaders, 'authorization') > 1)
    throw invalid('authorization', 'must be sent once')
  if (secret !== undefined)
    throw invalid('/client_secret', 'cannot be sent with an Authorization header')
  const given = readBasic(authorization)
  if (given === null) throw new Problem('invalid_client')
  if (id !== undefined && id !== given.id)
    throw invalid('/client_id', 'must be the client of the Authorization header')
  return given
}

// RFC 6749 §2.3.1: both parts are form-urlencoded, then joined as in RFC 7617.
function readBasic(authorization: string): ClientCredentials | null {
  const [, token] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  if (token === undefined) return null
  const text = Buffer.from(token, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon === -1) return null
  try {
    return { id: decode(text.slice(0, colon)), secret: decode(text.slice(colon + 1)) }
  } catch {
    return null
  }
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function invalid(pointer: string, detail: string): Problem {
  return new Problem('invalid_request', { errors: [{ pointer, detail }] })
}
