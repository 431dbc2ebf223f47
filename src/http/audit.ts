import type { FastifyRequest } from 'fastify'
import { type Actor, type AdminCaller, type AdminEvent, adminEvents } from '../account/acts.js'
import type { Problem, ProblemCode } from '../errors.js'
import { machineOf } from '../tokens/machine-token.js'
import type { Holding } from './holding.js'

/**
 * The audit events of accounts: their stable names in the log, and their meanings (ASVS 16.3.1
 * to 16.3.3).
 */
export const auditEvents = {
  'signup.ok': 'an account was created',
  'signup.requested':
    'a mail with the link that creates the account was requested (`SIGNUP_MODE=verify_first`)',
  'signup.taken': 'a sign-up with an address that has an account',
  'login.ok': 'a login with the right password',
  'login.failed': 'a wrong password, or an address without an account',
  'login.disabled': 'the right password of a disabled account',
  'login.unverified': 'the right password of an account that must verify its address first',
  'login.throttled': 'a login that a rate limit refused',
  'refresh.refused':
    'a refresh token that is not valid, has expired or was revoked, or whose account is deleted or disabled',
  'token.refused': 'an access token that is not valid or has expired, or whose account is deleted',
  'account.refused':
    'an access token of a disabled account or machine client, or of a machine client at a route for people',
  'role.missing': 'an access token without a role that the route needs',
  'client.token_issued': 'a machine client got an access token',
  'client.refused':
    'a wrong id or secret of a machine client, or the right one of a disabled client, at `POST /token` or `POST /introspect`',
  'scope.missing':
    'an access token of a machine client without a scope that the route needs, or for an act that no scope allows',
  'password.wrong': 'a wrong password where a logged-in account had to confirm a step',
  'password.changed': 'the password was changed with the current one; revokes every refresh token',
  'password.reset_requested': 'a link to set a new password was requested',
  'password.reset': 'the password was reset with a link; revokes every refresh token',
  'link.refused': 'a link of a mail that is not valid, has expired or was used',
  'email.verification_requested': 'the link to verify the address was requested again',
  'email.verified': 'the address was verified',
  'email.change_requested': 'a new address was requested with the right password',
  'email.changed': 'the account has a new address',
  'email.undone':
    'the account has its former address back and no usable password; revokes every refresh token',
  'email.taken':
    'a change of the address, its undo, or an act of an admin, with an address of another account',
  'login.ended': 'a logout of one login; revokes its refresh tokens',
  'sessions.ended': 'a logout everywhere; revokes every refresh token',
  'account.deleted': 'the owner deleted the account',
  ...adminEvents,
  'request.cross_site': 'a request with cookies that comes from a page of another site',
  'proof.refused': 'a DPoP proof that is not valid, or is signed by another key',
  'limit.hit': 'another call that a rate limit refused',
} as const

/** The name of an event. */
export type AuditEvent = keyof typeof auditEvents

/** The events of refusals on any route. Other refusals do not concern an account. */
const refusals: Partial<Record<ProblemCode, AuditEvent>> = {
  email_taken: 'email.taken',
  invalid_credentials: 'login.failed',
  account_disabled: 'login.disabled',
  email_unverified: 'login.unverified',
  invalid_refresh_token: 'refresh.refused',
  invalid_token: 'token.refused',
  forbidden: 'account.refused',
  missing_role: 'role.missing',
  invalid_client: 'client.refused',
  insufficient_scope: 'scope.missing',
  wrong_password: 'password.wrong',
  invalid_one_time_token: 'link.refused',
  rate_limited: 'limit.hit',
  cross_site_request: 'request.cross_site',
  invalid_dpop_proof: 'proof.refused',
}

/** The events of refusals with another name on one route, by code and operation. */
const byOperation: Record<string, AuditEvent> = {
  'email_taken signup': 'signup.taken',
  'rate_limited login': 'login.throttled',
}

/**
 * Writes an event to the log, with the id of the request, and how the client holds its tokens
 * if the request has to do with tokens. Adds no other data about the account or the request.
 *
 * @param account its id; null if there is no account, or it is not known
 * @param tokenType how the client holds its tokens, if not as in `holding`
 */
export function audit(
  { log, holding }: Pick<FastifyRequest, 'log' | 'holding'>,
  event: AuditEvent,
  account: string | null,
  tokenType = holding?.tokenType,
): void {
  log.info({ event, account, ...(tokenType && { token_type: tokenType }) }, 'audit')
}

/** Returns the caller of the admin API, by its verified token. */
export function callerOf({ user }: Pick<FastifyRequest, 'user'>): AdminCaller {
  const machine = machineOf(user)
  return { id: user.sub, ...(machine !== null && { clientVersion: machine.ver ?? 0 }) }
}

/**
 * Returns the admin or machine client that acts by a request. The lines of the acts also have
 * the id of the admin.
 */
export function actorOf(request: FastifyRequest): Actor {
  const { log, holding, user, id } = request
  return {
    ...callerOf(request),
    requestId: id,
    mayRemoveLastAdmin: false,
    log: (event: AdminEvent, account) => {
      const line = { event, account, actor: user.sub, token_type: holding?.tokenType }
      log.info(line, 'audit')
    },
  }
}

/**
 * Writes the event of a refused request, if the refusal is an event. Takes the account from the
 * problem or from the verified token.
 */
export function auditRefusal(request: FastifyRequest, { code, extras }: Problem): void {
  const event = refusals[code]
  if (event === undefined) return
  const operation = request.routeOptions.schema?.operationId
  // The user is unset until the guard has verified a token.
  const user = request.user as typeof request.user | undefined | null
  audit(
    request,
    byOperation[`${code} ${operation}`] ?? event,
    extras.account ?? user?.sub ?? null,
    request.holding?.tokenType ?? refusedType(code, request),
  )
}

// A refused token or proof sets no `holding`.
function refusedType(
  code: ProblemCode,
  { headers }: FastifyRequest,
): Holding['tokenType'] | undefined {
  if (code === 'cross_site_request') return 'Cookie'
  if (code === 'invalid_dpop_proof') return 'DPoP'
  if (code !== 'invalid_token') return undefined
  const [, scheme = 'cookie'] = /^(bearer|dpop) /i.exec(headers.authorization ?? '') ?? []
  return ({ bearer: 'Bearer', dpop: 'DPoP', cookie: 'Cookie' } as const)[
    scheme.toLowerCase() as 'bearer' | 'dpop' | 'cookie'
  ]
}
