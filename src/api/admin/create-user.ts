import type { Actor } from '../../account/acts.js'
import { requireEmail } from '../../account/email-address.js'
import { refuseMachineOverAdmins } from '../../account/machine-acts.js'
import { type CustomClaims, toClaimsColumn } from '../../custom-claims.js'
import { Problem } from '../../errors.js'
import { toRolesColumn } from '../../roles.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'
import { createAdmins } from './admins.js'
import { requireClaims, requireRoles } from './members.js'

/** A new account, as in the request. It has either a password or an invitation. */
export interface NewUser {
  email: string
  name?: string | null
  email_verified?: boolean
  roles?: string[]
  claims?: CustomClaims
  password?: string
  invite?: true
}

/** The origin of a request. */
export interface CreationCaller {
  network: string
  /** Aborts when the client has hung up. */
  signal: AbortSignal
}

/**
 * Creates an account, with a password or by an invitation.
 *
 * @throws Problem
 *
 *   - `invalid_request` if a member is not valid, or without exactly one of password and invitation
 *   - `insufficient_scope` if a machine client would make an admin
 *   - `weak_password` if the policy refuses the password
 *   - `email_taken` if the address has an account
 *   - `overloaded`; the errors of `Admins.requireCaller`
 */
export type CreateUser = (actor: Actor, person: NewUser, caller: CreationCaller) => Promise<Account>

/** Creates {@link CreateUser}. */
export function createCreateUser({
  accounts,
  administration,
  invite,
  machineClients,
  passwords,
}: Pick<
  Services,
  'accounts' | 'administration' | 'invite' | 'machineClients' | 'passwords'
>): CreateUser {
  const { requireCaller } = createAdmins({ accounts, machineClients })
  return async (actor, person, caller) => {
    await requireCaller(actor)
    const { name = null, email_verified: emailVerified = false, roles = [], claims = {} } = person
    const account = {
      email: requireEmail(person.email),
      name,
      emailVerified,
      roles: toRolesColumn(requireRoles(roles)),
      claims: toClaimsColumn(requireClaims(claims)),
    }
    // Before the hash, which costs more than the rest.
    refuseMachineOverAdmins(actor, account.roles)
    const password = readPassword(person)
    if (password === null) return await invite(actor, account)
    const passwordHash = await passwords.hashNew(password, account, caller)
    return await administration.create(actor, { ...account, passwordHash })
  }
}

/** Returns the password; null for an invitation. */
function readPassword({ password, invite }: NewUser): string | null {
  if (password !== undefined && invite === undefined) return password
  if (password === undefined && invite === true) return null
  const [pointer, detail] =
    password === undefined
      ? ['/password', 'is missing: send a password, or "invite": true']
      : ['/invite', 'cannot be sent with a password']
  throw new Problem('invalid_request', { errors: [{ pointer, detail }] })
}
