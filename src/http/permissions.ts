import type { RouteOptions } from 'fastify'
import { Problem } from '../errors.js'
import { findRoleError } from '../roles.js'
import { findScopeError, readScopes, toScopes } from '../scopes.js'
import type { CallerClaims } from '../tokens/access-token.js'
import { machineOf } from '../tokens/machine-token.js'

/** The parts of a route's config that say who may call it. */
export interface Permissions {
  roles?: readonly string[]
  scopes?: readonly string[]
}

/**
 * Returns why a verified token may not call a route; undefined if it may. A person needs the
 * roles of the route, a machine client its scopes. A route without scopes is for people.
 */
export function findObstacle(
  claims: CallerClaims,
  { roles, scopes }: Permissions,
): Problem | undefined {
  const machine = machineOf(claims)
  if (machine !== null) {
    if (scopes === undefined) return forPeople()
    const held = readScopes(machine.scope ?? '')
    return scopes.every((scope) => held.includes(scope))
      ? undefined
      : new Problem('insufficient_scope', { scope: toScopes(scopes) })
  }
  if (roles === undefined || roles.every((role) => claims.roles?.includes(role))) return undefined
  return new Problem('missing_role')
}

/** Returns the refusal of a machine client at a route for people. */
export function forPeople(): Problem {
  return new Problem('forbidden', {
    detail: 'This route is for people. It has no scope that would let a machine client in.',
  })
}

/**
 * Checks the roles and scopes of a route at start. A mistake here would open a route, or close
 * it to everyone, without a sign.
 *
 * @throws Error for the developer
 */
export function requireUsablePermissions({ url, config }: RouteOptions): void {
  const { roles, scopes, public: isPublic } = config ?? {}
  const refuse = (what: string, error: string | null) => {
    if (error !== null) throw new Error(`The ${what} of the route ${url}: ${error}.`)
  }
  const noToken = (what: string) => `a public route reads no token, so it cannot need ${what}`
  if (roles !== undefined)
    refuse(
      'roles',
      isPublic === true
        ? noToken('roles')
        : Array.isArray(roles) && roles.length > 0
          ? findRoleError(roles)
          : 'must name at least one role',
    )
  if (scopes !== undefined)
    refuse(
      'scopes',
      isPublic === true
        ? noToken('scopes')
        : Array.isArray(scopes)
          ? findScopeError(scopes)
          : 'must be a list',
    )
}
