import { Problem } from '../../errors.js'
import { readScopes, toScopes } from '../../scopes.js'
import type { Services } from '../../services.js'

/** A request for a token, as in the form. */
export interface TokenRequest {
  grant_type: string
  scope?: string
}

/** The token of a machine client. */
export interface IssuedToken {
  clientId: string
  accessToken: string
  expiresIn: number
  /** The scopes, separated by spaces; empty for none. */
  scope: string
}

/**
 * Issues an access token to a machine client (RFC 6749 §4.4).
 *
 * @param given the credentials of the client, and its network
 * @throws Problem
 *
 *   - `unsupported_grant_type`
 *   - `invalid_scope` if the client does not have a scope that it asks for
 *   - `invalid_client`, `rate_limited`, `unavailable`
 */
export type IssueToken = (
  request: TokenRequest,
  given: { id: string; secret: string; network: string },
) => Promise<IssuedToken>

/** Creates {@link IssueToken}. It reads the client once and writes nothing. */
export function createIssueToken({
  authenticateClient,
  machineTokens,
}: Pick<Services, 'authenticateClient' | 'machineTokens'>): IssueToken {
  return async ({ grant_type: grantType, scope: wanted }, given) => {
    if (grantType !== 'client_credentials') throw new Problem('unsupported_grant_type')
    const client = await authenticateClient({ ...given, limit: 'token-client' })
    const held = readScopes(client.scopes)
    const scopes = wanted === undefined ? held : readScopes(wanted)
    if (!scopes.every((name) => held.includes(name)))
      throw new Problem('invalid_scope', { account: client.id })
    const scope = toScopes(scopes)
    return { clientId: client.id, scope, ...machineTokens.issue(client, scope) }
  }
}
