import { cliActor } from '../account/acts.js'
import { namePattern } from '../account/user.js'
import { rolePattern } from '../roles.js'
import { scopesPattern } from '../scopes.js'

/** The `limit` of a page. */
export const limitPattern = '^([1-9][0-9]?|1[0-9][0-9]|200)$'

/** A UUID in any case. */
export const uuidPattern = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'

/** The actor of an act. */
export const actorPattern = `${uuidPattern}|^${cliActor}$`

/** The rule of each pattern of a request, for people. */
export const patternRules: Readonly<Record<string, string>> = {
  [limitPattern]: 'must be a whole number from 1 to 200',
  [uuidPattern]: 'must be the id of an account, a UUID',
  [actorPattern]: `must be the id of an account, a UUID, or ${cliActor}`,
  [rolePattern]:
    'must be a role: a letter a-z, then up to 31 of a-z, 0-9, dot, underscore and hyphen',
  [scopesPattern]:
    'must be scopes, separated by single spaces: each has up to 64 characters of printable ASCII without quotes and backslash',
  [namePattern]: 'must not have control characters or broken Unicode',
}
