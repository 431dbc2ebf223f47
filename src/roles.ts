import { parseJson } from './text.js'

/** The role that may use the admin API. */
export const adminRole = 'admin'

/** A role name: a text that fits a header and a log without quotes. */
export const rolePattern = '^[a-z][a-z0-9._-]{0,31}$'

const name = new RegExp(rolePattern)

/** The max roles of an account. */
export const maxRoles = 16

/** The max characters of all roles of an account together: they travel in every access token. */
export const maxRoleCharacters = 200

/** The column `roles` of an account without roles. */
export const noRoles = '[]'

/**
 * Reads the column `roles` of an account: a JSON array of names, in the order they were given.
 * A column that breaks the rules was edited by hand: the account has no roles then, and tokens
 * of Latchkey are always valid.
 */
export function readRoles(column: string): string[] {
  return parseRoles(column) ?? []
}

/** Returns whether a column keeps the rules of {@link findRoleError}. */
export function isReadableRoles(column: string): boolean {
  return parseRoles(column) !== null
}

/** Returns the column for a list of roles that {@link findRoleError} accepts. */
export function toRolesColumn(roles: readonly string[]): string {
  return JSON.stringify(roles)
}

/** Returns whether the column `roles` of an account has a role. */
export function hasRole(column: string, role: string): boolean {
  return readRoles(column).includes(role)
}

/**
 * Returns what is wrong with a list of roles, for people; null if nothing is. An account has at
 * most {@link maxRoles} distinct roles with {@link maxRoleCharacters} characters together.
 */
export function findRoleError(roles: readonly string[]): string | null {
  if (!roles.every((role) => name.test(role)))
    return 'a role begins with a-z, and has up to 32 characters: a-z, 0-9, dot, underscore, hyphen'
  if (new Set(roles).size < roles.length) return 'must not name a role twice'
  if (roles.length > maxRoles) return `must have at most ${maxRoles} roles`
  if (roles.join('').length > maxRoleCharacters)
    return `must have at most ${maxRoleCharacters} characters in all roles together`
  return null
}

function parseRoles(column: string): string[] | null {
  if (column === noRoles) return []
  const value = parseJson(column)
  const isList = Array.isArray(value) && value.every((role) => typeof role === 'string')
  return isList && findRoleError(value) === null ? value : null
}
