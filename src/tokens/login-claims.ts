import { randomBytes } from 'node:crypto'
import { Type } from 'typebox'
import type { Clock } from '../clock.js'

/** The login that tokens come from. A refresh keeps it. */
export interface Login {
  /** The time of the login, in seconds since 1970. */
  authTime: number
  /** A random id of the login, as in OpenID Connect. A logout ends the tokens that carry it. */
  sid: string
}

/**
 * The claims of a token that belongs to a login, as schemas. Tokens of an earlier version lack
 * them.
 */
export const LoginClaims = {
  sid: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'The id of the login' }),
  ),
  cnf: Type.Optional(
    Type.Object(
      {
        jkt: Type.String({
          pattern: '^[\\w-]{43}$',
          description: 'The thumbprint of the key (RFC 7638)',
        }),
      },
      { description: 'The key that the token is bound to (RFC 9449 §6.1)' },
    ),
  ),
}

/**
 * Returns the claims of a login.
 *
 * @param jkt the thumbprint of the key to bind the token to (RFC 7638); undefined for no key
 */
export function toLoginClaims(
  { sid }: Login,
  jkt: string | undefined,
): { sid: string; cnf?: { jkt: string } } {
  return { sid, ...(jkt !== undefined && { cnf: { jkt } }) }
}

/** The login that a token names, and its account. */
export interface NamedLogin extends Login {
  accountId: string
  /** The epoch of the account, if the token names it. */
  epoch?: number
}

/** Returns the login that a token names. Returns null for a token of an earlier version. */
export function toNamedLogin({
  sub,
  sid,
  auth_time: authTime,
  epoch,
}: {
  sub: string
  sid?: string
  auth_time: number
  epoch?: number
}): NamedLogin | null {
  if (sid === undefined) return null
  return { accountId: sub, sid, authTime, ...(epoch !== undefined && { epoch }) }
}

/** A login as an earlier token names it. The tokens of an earlier version carry no id. */
export interface FormerLogin {
  /** In seconds since 1970. */
  authTime: number
  sid: string | undefined
}

/**
 * Returns a complete login: the former one, or one that happens now. A missing id is replaced
 * by 128 random bits.
 */
export function toLogin(former: FormerLogin | undefined, clock: Clock): Login {
  return {
    authTime: former?.authTime ?? Math.floor(clock() / 1000),
    sid: former?.sid ?? randomBytes(16).toString('base64url'),
  }
}
