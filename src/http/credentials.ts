import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admitted } from '../account/admit.js'
import { Problem } from '../errors.js'
import type { Clients } from '../limits/clients.js'
import type { IssueTokens } from '../tokens/issue.js'
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
 * Issues tokens to an admitted account, sends the reply, writes the audit event, and remembers
 * the device. Every route with tokens uses it.
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
  publicUrl: string
}

/** Creates {@link SendTokens}. */
export function createSendTokens({ clients, issueTokens, publicUrl }: SendTokensDeps): SendTokens {
  const location = `${prefixOf(publicUrl)}/me`
  return async (request, reply, { account, login }, { event, status = 200 } = {}) => {
    const issued = issueTokens(account, login, undefined)
    const { id, email } = account
    if (event !== undefined) {
      audit(request, event, id)
      clients.rememberDevice(reply, email)
    }
    if (status === 201) reply.header('location', location)
    await reply.code(status).send(toTokenReply(account, issued))
  }
}
