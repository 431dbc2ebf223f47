/** The scope to read accounts and the audit log by the admin API. */
export const readUsersScope = 'users:read'

/** The scope to create, change and delete accounts by the admin API. */
export const writeUsersScope = 'users:write'

/** The scopes that routes of Latchkey need. Others belong to the application. */
export const ownScopes = [readUsersScope, writeUsersScope] as const

/**
 * The beginning of the scopes of Latchkey, in any case. A client cannot have other scopes with
 * it: a later version could give them a meaning.
 */
const ownBeginning = /^users:/i

/** A scope: printable ASCII without space, quotes and backslash (RFC 6749 §3.3). */
const scope = /^[!#-[\]-~]{1,64}$/

/** A list of scopes, separated by single spaces. */
export const scopesPattern = '^[!#-\\[\\]-~]{1,64}( [!#-\\[\\]-~]{1,64})*$'

/** The max scopes of a machine client. */
export const maxScopes = 16

/** The max characters of all scopes of a machine client together, with the spaces between. */
export const maxScopeCharacters = 300

/** Reads the column `scopes` of a machine client, or a parameter `scope`. */
export function readScopes(text: string): string[] {
  return [...new Set(text.split(' ').filter((name) => name !== ''))]
}

/** Returns the column for a list of scopes that {@link findScopeError} accepts. */
export function toScopes(scopes: readonly string[]): string {
  return scopes.join(' ')
}

/**
 * Returns why a new client cannot have a list of scopes that {@link findScopeError} accepts, for
 * people; null if it can.
 */
export function findGrantError(scopes: readonly string[]): string | null {
  const unknown = scopes.find(
    (name) => ownBeginning.test(name) && !ownScopes.some((own) => own === name),
  )
  return unknown === undefined
    ? null
    : `${unknown} is not a scope of Latchkey: those are ${ownScopes.join(' and ')}. Repeat --scope for each`
}

/** Returns what is wrong with a list of scopes, for people; null if nothing is. */
export function findScopeError(scopes: readonly string[]): string | null {
  if (!scopes.every((name) => scope.test(name)))
    return 'a scope has up to 64 characters: printable ASCII without space, quotes and backslash'
  if (new Set(scopes).size < scopes.length) return 'must not name a scope twice'
  if (scopes.length > maxScopes) return `must have at most ${maxScopes} scopes`
  if (toScopes(scopes).length > maxScopeCharacters)
    return `must have at most ${maxScopeCharacters} characters in all scopes together`
  return null
}
