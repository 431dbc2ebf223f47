import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Issued } from '../account/admit.js'
import { Problem } from '../errors.js'
import type { Clients } from '../limits/clients.js'
import { audit, type AuditEvent } from './audit.js'
import { countHeader } from './headers.js'
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
  // Node keeps the first of two Authorization headers and drops the other (RFC 6750 §3.1: more than
  // one is an invalid request).
  if (countHeader(request.raw.rawHeaders, 'authorization') > 1)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'authorization', detail: 'must be sent once' }],
    })
  const [, credentials] = /^bearer(?: +(.*))?$/i.exec(authorization ?? '') ?? []
  if (!credentials) throw new Problem('missing_token')
  return credentials
}

/** How new tokens leave: what the log says, and the status of the reply. */
export interface Sending {
  /** The event for the audit log. Without it nothing is logged and no device is remembered. */
  event?: AuditEvent
  /** 201 also names the new account. */
  status?: 200 | 201
}

/**
 * Sends the reply with new tokens, writes the audit line, and remembers the device. No route
 * does these by hand.
 */
export type SendTokens = (
  request: FastifyRequest,
  reply: FastifyReply,
  issued: Issued,
  sending?: Sending,
) => Promise<void>

/** @param clients where the device is remembered */
export function createSendTokens(clients: Clients): SendTokens {
  return async (request, reply, issued, { event, status = 200 } = {}) => {
    const { id, email } = issued.account
    if (event !== undefined) {
      audit(request, event, id)
      clients.rememberDevice(reply, email)
    }
    if (status === 201) reply.header('location', '/me')
    await reply.code(status).send(toTokenReply(issued))
  }
}
