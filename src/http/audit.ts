import type { FastifyRequest } from 'fastify'
import type { Problem, ProblemCode } from '../errors.js'

/**
 * What happens to accounts, by the stable name that the log gives it (ASVS 16.3.1 to 16.3.3):
 * what an operator looks for and counts.
 */
export const auditEvents = {
  'signup.ok': 'an account was made',
  'signup.requested':
    'a mail with the link that makes the account was asked for (`SIGNUP_MODE=verify_first`)',
  'signup.taken': 'a sign-up with an address that has an account',
  'login.ok': 'a login with the right password',
  'login.failed': 'a wrong password, or an address without an account',
  'login.disabled': 'the right password of a disabled account',
  'login.unverified': 'the right password of an account that has to verify its address first',
  'login.throttled': 'a login that was refused because of too many before it',
  'refresh.refused':
    'a refresh token that is bad, has expired or was ended, or whose account is gone or disabled',
  'token.refused': 'an access token that is bad or has expired, or whose account is gone',
  'account.refused': 'an access token of a disabled account',
  'password.wrong': 'a wrong password where a logged-in account had to confirm a step',
  'password.changed': 'a new password, by the old one; ends every refresh token',
  'password.reset_requested': 'a link to set a new password was asked for',
  'password.reset': 'a new password, by a link; ends every refresh token',
  'link.refused': 'a link of a mail that is bad, has expired or was used',
  'email.verification_requested': 'the link to verify the address was asked for once more',
  'email.verified': 'the address was verified',
  'email.change_requested': 'a new address was asked for, with the right password',
  'email.changed': 'the account has a new address',
  'email.undone':
    'the account has its former address back, and no usable password; ends every refresh token',
  'email.taken': 'a change of the address, or its undo, to an address that another account has',
  'sessions.ended': 'a logout everywhere; ends every refresh token',
  'account.deleted': 'the account was deleted by its owner',
  'limit.hit': 'another call that was refused because of too many before it',
} as const

/** The name of an event. */
export type AuditEvent = keyof typeof auditEvents

/** The events of refusals, wherever they are met. Other refusals say nothing about an account. */
const refusals: Partial<Record<ProblemCode, AuditEvent>> = {
  email_taken: 'email.taken',
  invalid_credentials: 'login.failed',
  account_disabled: 'login.disabled',
  email_unverified: 'login.unverified',
  invalid_refresh_token: 'refresh.refused',
  invalid_token: 'token.refused',
  forbidden: 'account.refused',
  wrong_password: 'password.wrong',
  invalid_one_time_token: 'link.refused',
  rate_limited: 'limit.hit',
}

/** The events of refusals that have another name at one route, by code and operation. */
const byOperation: Record<string, AuditEvent> = {
  'email_taken signup': 'signup.taken',
  'rate_limited login': 'login.throttled',
}

/**
 * Writes a line about an event into the log, beside the id of the request. Nothing else about
 * the account or the request gets there.
 *
 * @param account its id; null where there is none, or none is known
 */
export function audit(
  request: Pick<FastifyRequest, 'log'>,
  event: AuditEvent,
  account: string | null,
): void {
  request.log.info({ event, account }, 'audit')
}

/**
 * The same for a request that is refused, if that is an event. A protected route knows whose
 * token it was.
 */
export function recordRefusal(request: FastifyRequest, { code, extras }: Problem): void {
  const event = refusals[code]
  if (event === undefined) return
  const operation = request.routeOptions.schema?.operationId
  // Before the guard has verified a token there is no user.
  const user = request.user as typeof request.user | undefined | null
  audit(request, byOperation[`${code} ${operation}`] ?? event, extras.account ?? user?.sub ?? null)
}
