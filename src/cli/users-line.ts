import { type Static, Type } from 'typebox'
import { canonicalEmail } from '../account/email-address.js'
import { type FormerEmail, maxFormerEmails } from '../store/email-history.js'
import { maxEndedLogins, toEndedLogins } from '../store/ended-logins.js'
import { Email, Name } from '../account/user.js'
import { findClaimsError, toClaimsColumn } from '../custom-claims.js'
import { findRoleError, maxRoles, toRolesColumn } from '../roles.js'
import { isReadableHash } from '../passwords/hash.js'
import { unusableHash } from '../unusable-hash.js'
import { createChecker } from '../schema-check.js'
import type { MovedAccount } from '../store/create-many.js'
import { printable } from './terminal.js'
import { readTime } from './users-time.js'

const uuid = '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
const Id = Type.String({ pattern: uuid })
const Time = Type.String({ maxLength: 64 })
const TimeOrNull = Type.Union([Time, Type.Null()])

/**
 * The max epoch and version of an import. The columns hold up to 2^31 - 1, and every logout
 * everywhere increments them.
 */
const maxEpoch = 2_000_000_000

const Epoch = Type.Integer({ minimum: 0, maximum: maxEpoch })

const ImportLine = Type.Object(
  {
    id: Type.Optional(Id),
    email: Email,
    password_hash: Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]),
    name: Type.Optional(Name),
    email_verified: Type.Optional(Type.Boolean()),
    email_verified_at: Type.Optional(TimeOrNull),
    disabled: Type.Optional(Type.Boolean()),
    disabled_at: Type.Optional(TimeOrNull),
    roles: Type.Optional(Type.Array(Type.String(), { maxItems: maxRoles })),
    claims: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    token_epoch: Type.Optional(Epoch),
    access_version: Type.Optional(Epoch),
    former_emails: Type.Optional(
      Type.Array(Type.Object({ id: Id, email: Email, at: Time }, { additionalProperties: false }), {
        maxItems: maxFormerEmails,
      }),
    ),
    ended_logins: Type.Optional(
      Type.Array(
        Type.Object(
          { sid: Type.String({ pattern: '^[\\w-]{1,100}$' }), end: Time },
          { additionalProperties: false },
        ),
        // One more for the entry of a raised epoch.
        { maxItems: maxEndedLogins + 1 },
      ),
    ),
    last_login_at: Type.Optional(TimeOrNull),
    created_at: Type.Optional(Time),
    updated_at: Type.Optional(Time),
  },
  { additionalProperties: false },
)

type Line = Static<typeof ImportLine>

const time = 'an RFC 3339 time between 1970 and 9999'

/** The reason for refusing each member. It never repeats a value of the line. */
const reasons = {
  id: 'id is not a UUID',
  email: 'email is not a valid e-mail address',
  password_hash: 'password_hash is in an unknown format, or would cost too much to check',
  name: 'name is not a text of 1 to 200 characters without control characters',
  email_verified: 'email_verified is neither true nor false',
  email_verified_at: `email_verified_at is neither null nor ${time}`,
  disabled: 'disabled is neither true nor false',
  disabled_at: `disabled_at is neither null nor ${time}`,
  roles: `roles is not a list of up to ${maxRoles} texts`,
  claims: 'claims is not an object',
  token_epoch: `token_epoch is not a whole number from 0 to ${maxEpoch}`,
  access_version: `access_version is not a whole number from 0 to ${maxEpoch}`,
  former_emails: `former_emails is not a list of up to ${maxFormerEmails} objects of id, email and at`,
  ended_logins: `ended_logins is not a list of up to ${maxEndedLogins + 1} objects of sid and end`,
  last_login_at: `last_login_at is neither null nor ${time}`,
  created_at: `created_at is not ${time}`,
  updated_at: `updated_at is not ${time}`,
}

const check = createChecker(ImportLine)

/** How far the clock of the exporting server may be ahead. */
const clockLeewayMilliseconds = 30_000

class Misfit extends Error {}

/**
 * Reads one line of an import. Returns the account, or the reason for refusing the line.
 *
 * @param now in milliseconds since 1970
 */
export function readUser(text: string, now = Date.now()): MovedAccount | string {
  let value
  try {
    value = JSON.parse(text) as unknown
  } catch {
    return 'not JSON'
  }
  const unknown =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).find((name) => !Object.hasOwn(reasons, name))
      : undefined
  if (unknown !== undefined) return `unknown member ${shown(unknown)}`
  const [misfit] = check(value)
  const member = misfit?.path.split('/')[1] as keyof typeof reasons | undefined
  if (misfit !== undefined) return member === undefined ? misfit.detail : reasons[member]
  try {
    return toAccount(value as Line, now)
  } catch (error) {
    /* c8 ignore next -- anything else is a bug */
    if (!(error instanceof Misfit)) throw error
    return error.message
  }
}

function toAccount(line: Line, now: number): MovedAccount {
  const { id, name = null, token_epoch: tokenEpoch, former_emails: former, disabled } = line
  const { access_version: accessVersion, last_login_at: login } = line
  const ended = line.ended_logins?.map(({ sid, end }) => ({
    sid,
    end: Math.floor(Number(toTime(end, 'ended_logins')) / 1000),
  }))
  const [lastLoginAt, createdAt, updatedAt] = [
    toTime(login ?? undefined, 'last_login_at'),
    toTime(line.created_at, 'created_at'),
    toTime(line.updated_at, 'updated_at'),
  ]
  return {
    ...(id !== undefined && { id: id.toLowerCase() }),
    email: toEmail(line.email, 'email'),
    passwordHash: toHash(line.password_hash),
    name,
    emailVerified: toState(line, 'email_verified'),
    ...((disabled !== undefined || line.disabled_at !== undefined) && {
      disabled: toState(line, 'disabled'),
    }),
    ...toAccess(line),
    ...(tokenEpoch !== undefined && { tokenEpoch }),
    ...(accessVersion !== undefined && { accessVersion }),
    ...(former !== undefined && { emailHistory: JSON.stringify(toHistory(former, now)) }),
    ...(ended !== undefined && { endedLogins: toEndedLogins(ended) }),
    ...(lastLoginAt && { lastLoginAt }),
    ...(createdAt && { createdAt }),
    ...(updatedAt && { updatedAt }),
  }
}

/** Returns the columns of roles and claims, by the rules of the admin API. */
function toAccess({ roles, claims }: Line): { roles?: string; claims?: string } {
  const roleError = roles === undefined ? null : findRoleError(roles)
  if (roleError !== null) throw new Misfit(`roles: ${roleError}`)
  const claimsError = claims === undefined ? null : findClaimsError(claims)
  if (claimsError !== null) throw new Misfit(`claims: ${claimsError.detail}`)
  return {
    ...(roles !== undefined && { roles: toRolesColumn(roles) }),
    ...(claims !== undefined && { claims: toClaimsColumn(claims) }),
  }
}

function toEmail(text: string, member: keyof typeof reasons): string {
  const email = canonicalEmail(text)
  if (email === null) throw new Misfit(reasons[member])
  return email
}

function toHash(text: string | null): string {
  if (text === null) return unusableHash()
  // An export keeps unusable hashes: mailed links are bound to them.
  if (!/^![\w-]{22}$/.test(text) && !isReadableHash(text)) throw new Misfit(reasons.password_hash)
  return text
}

// A line may give both members if they agree.
function toState(line: Line, member: 'email_verified' | 'disabled'): boolean | Date {
  const since = line[`${member}_at`]
  const date = since === null ? undefined : toTime(since, `${member}_at`)
  const state = line[member] ?? date !== undefined
  if (since !== undefined && state !== (date !== undefined))
    throw new Misfit(`${member} and ${member}_at contradict each other`)
  return date ?? state
}

function toTime(text: string | undefined, member: keyof typeof reasons): Date | undefined {
  if (text === undefined) return undefined
  const date = readTime(text)
  if (date === null) throw new Misfit(reasons[member])
  return date
}

function toHistory(former: NonNullable<Line['former_emails']>, now: number): FormerEmail[] {
  const history = former.map(({ id, email, at }) => ({
    id: id.toLowerCase(),
    email: toEmail(email, 'former_emails'),
    at: Number(toTime(at, 'former_emails')),
  }))
  if (new Set(history.map(({ id }) => id)).size < history.length)
    throw new Misfit(reasons.former_emails)
  // Such an address could take the account back for longer than seven days.
  if (history.some(({ at }) => at > now + clockLeewayMilliseconds))
    throw new Misfit('a time of former_emails is in the future')
  return history
}

// A member may have any name: shorten it, and make it safe to print.
function shown(name: string): string {
  const short = [...name].slice(0, 40).join('')
  return printable(JSON.stringify(short === name ? name : `${short}…`))
}
