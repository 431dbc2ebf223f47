import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admitted } from '../account/admit.js'
import { Problem } from '../errors.js'
import type { Clients } from '../limits/clients.js'
import type { IssueTokens } from '../tokens/issue.js'
import { audit, type AuditEvent } from './audit.js'
import { countHeader } from './headers.js'
import type { Holding } from './holding.js'
import { prefixOf } from './prefix.js'
import type { TokenCookies } from './token-cookies.js'
import { toTokenReply } from './token-reply.js'

/** An access token, and the scheme that it was sent with. */
export interface HeaderCredentials {
  scheme: 'bearer' | 'dpop'
  token: string
}

/**
 * Reads the access token of the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1). The scheme
 * is case-insensitive (RFC 9110 §11.1). Returns null without a header, or if it has another
 * scheme, such as the `Basic` of a proxy.
 *
 * @throws Problem
 *
 *   - `missing_token` for a scheme without a token
 *   - `invalid_request` for two headers
 */
export function readAuthorization({
  headers: { authorization },
  raw,
}: Pick<FastifyRequest, 'headers' | 'raw'>): HeaderCredentials | null {
  if (authorization === undefined) return null
  // Node keeps the first of two Authorization headers and drops the other. More than one is an
  // invalid request (RFC 6750 §3.1).
  if (countHeader(raw.rawHeaders, 'authorization') > 1)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'authorization', detail: 'must be sent once' }],
    })
  const [, scheme, token] = /^(bearer|dpop)(?: +(.*))?$/i.exec(authorization) ?? []
  if (scheme === undefined) return null
  if (!token) throw new Problem('missing_token')
  return { scheme: scheme.toLowerCase() as 'bearer' | 'dpop', token }
}

/** Options of {@link SendTokens}. */
export interface Sending {
  /**
   * The event for the audit log. Without it, neither an event is written nor the device
   * remembered.
   */
  event?: AuditEvent
  /** 201 adds the location of the new account. */
  status?: 200 | 201
  /** The URL that a navigation goes on to. Then the tokens must go into cookies. */
  redirect?: string
}

/**
 * Issues tokens to an admitted account, sends them in the way that `request.holding` names,
 * writes the audit event, and remembers the device. Every route with tokens uses it.
 */
export type SendTokens = (
  request: FastifyRequest,
  reply: FastifyReply,
  admitted: Admitted,
  sending?: Sending,
) => Promise<void>

/** The dependencies of {@link createSendTokens}. */
export interface SendTokensDeps {
  /** Remembers the device. */
  clients: Clients
  issueTokens: IssueTokens
  tokenCookies: TokenCookies
  publicUrl: string
}

/** Creates {@link SendTokens}. */
export function createSendTokens({
  clients,
  issueTokens,
  tokenCookies,
  publicUrl,
}: SendTokensDeps): SendTokens {
  const location = `${prefixOf(publicUrl)}/me`
  return async (request, reply, { account, login }, { event, status = 200, redirect } = {}) => {
    // Each route that returns tokens says `tokens: true`, so the way is chosen.
    const { tokenType, jkt } = request.holding as Holding
    const issued = issueTokens(account, login, jkt)
    const { id, email } = account
    if (event !== undefined) {
      audit(request, event, id)
      clients.rememberDevice(reply, email)
    }
    if (status === 201) reply.header('location', location)
    if (tokenType === 'Cookie') tokenCookies.set(reply, issued)
    request.tokensIssued = true
    // 303, so that a browser shows the page with GET (RFC 9110 §15.4.4).
    if (redirect !== undefined) return await reply.redirect(redirect, 303)
    await reply.code(status).send(toTokenReply(account, issued, tokenType))
  }
}
