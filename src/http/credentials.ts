import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Issued } from '../account/admit.js'
import { Problem } from '../errors.js'
import type { Clients } from '../limits/clients.js'
import { audit, type AuditEvent } from './audit.js'
import { countHeader } from './headers.js'
import { prefixOf } from './prefix.js'
import { toTokenReply } from './schemas.js'

/**
 * Reads the token of the Authorization header (RFC 6750 §2.1). The scheme is case-insensitive
 * (RFC 9110 §11.1).
 *
 * @throws Problem
 *
 *   - `missing_token` without bearer credentials
 *   - `invalid_request` for two headers
 */
export function readBearer(request: Pick<FastifyRequest, 'headers' | 'raw'>): string {
  const { authorization } = request.headers
  // Node keeps the first of two Authorization headers and drops the other. More than one is an
  // invalid request (RFC 6750 §3.1).
  if (countHeader(request.raw.rawHeaders, 'authorization') > 1)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'authorization', detail: 'must be sent once' }],
    })
  const [, credentials] = /^bearer(?: +(.*))?$/i.exec(authorization ?? '') ?? []
  if (!credentials) throw new Problem('missing_token')
  return credentials
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
}

/**
 * Sends the reply with new tokens, writes the audit event, and remembers the device. Every
 * route with tokens uses it.
 */
export type SendTokens = (
  request: FastifyRequest,
  reply: FastifyReply,
  issued: Issued,
  sending?: Sending,
) => Promise<void>

/**
 * Creates {@link SendTokens}.
 *
 * @param clients remembers the device
 */
export function createSendTokens(clients: Clients, publicUrl: string): SendTokens {
  const location = `${prefixOf(publicUrl)}/me`
  return async (request, reply, issued, { event, status = 200 } = {}) => {
    const { id, email } = issued.account
    if (event !== undefined) {
      audit(request, event, id)
      clients.rememberDevice(reply, email)
    }
    if (status === 201) reply.header('location', location)
    await reply.code(status).send(toTokenReply(issued))
  }
}
