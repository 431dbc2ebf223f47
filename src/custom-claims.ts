import { parseJson } from './text.js'

/** The application's own claims of an account: they are top-level in its access tokens. */
export type CustomClaims = Record<string, unknown>

/** The max size of the claims of an account, in bytes of JSON. */
export const maxClaimsBytes = 300

/** The max levels of objects and lists in claims. Libraries of other languages have such limits. */
export const maxClaimsLevels = 16

/** The column `claims` of an account without claims of its own. */
export const noClaims = '{}'

/**
 * The names that verifiers give a meaning: those of RFC 7519 §4.1, RFC 7800, RFC 9068 §2.2, RFC
 * 8693 §4, RFC 7662 §2.2 (of a token, not of the person), OpenID Connect Core §2 and §5, and of
 * Latchkey's own tokens. The last ones would reach the prototype of an object.
 */
const reserved = new Set(
  [
    'iss sub aud exp nbf iat jti cnf active token_type',
    'auth_time acr amr client_id scope roles groups entitlements act may_act',
    'nonce azp at_hash c_hash sid _claim_names _claim_sources sub_jwk events',
    'name given_name family_name middle_name nickname preferred_username profile picture website',
    'email email_verified gender birthdate zoneinfo locale phone_number phone_number_verified',
    'address updated_at',
    'ver epoch bind entry typ kid alg',
    '__proto__ constructor prototype',
  ].flatMap((names) => names.split(' ')),
)

/** Returns whether a claim has a meaning of its own, so that an account cannot have it. */
export function isReservedClaim(name: string): boolean {
  return reserved.has(name)
}

/**
 * Reads the column `claims` of an account: a JSON object. Another column was edited by hand:
 * the account has no claims of its own then.
 */
export function readClaims(column: string): CustomClaims {
  return parseClaims(column) ?? {}
}

/** Returns whether a column is a JSON object. */
export function isReadableClaims(column: string): boolean {
  return parseClaims(column) !== null
}

/** Returns the column for claims that {@link findClaimsError} accepts. */
export function toClaimsColumn(claims: CustomClaims): string {
  return JSON.stringify(claims)
}

function parseClaims(column: string): CustomClaims | null {
  if (column === noClaims) return {}
  const value = parseJson(column)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as CustomClaims) : null
}

/**
 * Returns what is wrong with claims, and the name of the claim if it is one; null if nothing
 * is.
 */
export function findClaimsError(claims: CustomClaims): { name?: string; detail: string } | null {
  const name = Object.keys(claims).find(isReservedClaim)
  if (name !== undefined) return { name, detail: 'has a meaning of its own in tokens' }
  const misfit = findMisfit(claims, maxClaimsLevels)
  if (misfit !== null) return { detail: misfit }
  const text = toClaimsColumn(claims)
  if (Buffer.byteLength(text) > maxClaimsBytes)
    return { detail: `must have at most ${maxClaimsBytes} bytes as JSON` }
  // A backslash of the text itself is doubled.
  if (/(?<!\\)(?:\\\\)*\\u(?:d[89a-f]|0000)/.test(text))
    return { detail: 'must be well-formed Unicode without NUL' }
  return null
}

/** Returns what JSON cannot keep of a value; null if nothing. */
function findMisfit(value: unknown, levels: number): string | null {
  // Of `1e999`, which would become null.
  if (value === Infinity || value === -Infinity) return 'has a number that is too large'
  if (typeof value !== 'object' || value === null) return null
  if (levels === 0) return `must have at most ${maxClaimsLevels} levels of objects and lists`
  for (const member of Object.values(value) as unknown[]) {
    const misfit = findMisfit(member, levels - 1)
    if (misfit !== null) return misfit
  }
  return null
}
