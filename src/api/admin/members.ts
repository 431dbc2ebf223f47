import { type CustomClaims, findClaimsError } from '../../custom-claims.js'
import { Problem } from '../../errors.js'
import { findRoleError } from '../../roles.js'

/**
 * Returns the roles of a request.
 *
 * @throws Problem `invalid_request` if they are too many or too long
 */
export function requireRoles(roles: string[]): string[] {
  const detail = findRoleError(roles)
  if (detail !== null)
    throw new Problem('invalid_request', { errors: [{ pointer: '/roles', detail }] })
  return roles
}

/**
 * Returns the claims of a request.
 *
 * @throws Problem `invalid_request` if a name has a meaning of its own, or they are too long
 */
export function requireClaims(claims: CustomClaims): CustomClaims {
  const error = findClaimsError(claims)
  if (error === null) return claims
  const { name, detail } = error
  throw new Problem('invalid_request', {
    errors: [{ pointer: name === undefined ? '/claims' : `/claims/${name}`, detail }],
  })
}
