import type { Actor, AdminCaller } from '../../account/acts.js'
import { requireEmail } from '../../account/email-address.js'
import { isMachine } from '../../account/machine-acts.js'
import { type CustomClaims, toClaimsColumn } from '../../custom-claims.js'
import { Problem } from '../../errors.js'
import { toRolesColumn } from '../../roles.js'
import type { Services } from '../../services.js'
import type { Account, AccountChanges } from '../../store/accounts.js'
import { createAdmins } from './admins.js'
import { requireClaims, requireRoles } from './members.js'

/** The changes of an account, as in the request. Absent members stay as they are. */
export interface UserChanges {
  name?: string | null
  email?: string
  email_verified?: boolean
  roles?: string[]
  claims?: CustomClaims
  disabled?: boolean
}

/**
 * The acts of an admin on one account.
 *
 * @throws Problem
 *
 *   - `not_found` if there is no such account
 *   - `insufficient_scope` for an act of a machine client that concerns an admin
 *   - the errors of `Admins.requireCaller`
 */
export interface EditUsers {
  read: (caller: AdminCaller, id: string) => Promise<Account>
  /**
   * Changes the members that are named, in one statement.
   *
   * @throws Problem
   *
   *   - `invalid_request` if a member is not valid, or is one of {@link ownRoutes} and the account
   *       is the caller's
   *   - `email_taken` if another account has the address
   *   - `last_admin` if no other enabled account would be an admin
   */
  change: (actor: Actor, id: string, changes: UserChanges) => Promise<Account>
  /** Revokes every refresh token. Those of a disabled account are revoked already. */
  logout: (actor: Actor, id: string) => Promise<void>
  /** @throws Problem `last_admin` if no other enabled account is an admin */
  remove: (actor: Actor, id: string) => Promise<void>
}

/**
 * The routes for changes of the own account that an access token alone must not make: a thief
 * of the token would have the account for good.
 */
const ownRoutes = {
  email: 'of your own account is changed with POST /email/change, which needs the password',
  email_verified: 'of your own account is set by the link of a mail: POST /email/resend',
}

/** How often an act is tried, if others change the account at the same time. */
const maxTries = 5

/** Creates {@link EditUsers}. */
export function createEditUsers({
  accounts,
  administration,
  machineClients,
}: Pick<Services, 'accounts' | 'administration' | 'machineClients'>): EditUsers {
  const { requireCaller, find } = createAdmins({ accounts, machineClients })
  return {
    read: async (caller, id) => {
      await requireCaller(caller)
      return await find(id)
    },
    change: async (actor, id, changes) => {
      await requireCaller(actor)
      const wanted = toChanges(changes)
      return await untilUnchanged(async () => {
        const account = await find(id)
        const changing = withoutPresentEmail(wanted, account)
        if (account.id === actor.id) refuseOwn(account, changing)
        return await administration.change(actor, account, changing)
      })
    },
    logout: async (actor, id) => {
      await requireCaller(actor)
      await untilUnchanged(async () => {
        const account = await find(id)
        const done = await administration.logout(actor, account)
        // For a machine client, the account may have other roles by now.
        return done || account.disabledAt !== null || !isMachine(actor) ? account : null
      })
    },
    remove: async (actor, id) => {
      await requireCaller(actor)
      await untilUnchanged(async () => {
        const account = await find(id)
        return (await administration.remove(actor, account)) ? account : null
      })
    },
  }
}

function toChanges({
  email,
  email_verified: emailVerified,
  roles,
  claims,
  ...same
}: UserChanges): AccountChanges {
  return {
    ...same,
    ...(email !== undefined && { email: requireEmail(email) }),
    ...(emailVerified !== undefined && { emailVerified }),
    ...(roles !== undefined && { roles: toRolesColumn(requireRoles(roles)) }),
    ...(claims !== undefined && { claims: toClaimsColumn(requireClaims(claims)) }),
  }
}

// The store takes the present address as an order to empty the history of addresses.
function withoutPresentEmail(
  { email, ...others }: AccountChanges,
  account: Account,
): AccountChanges {
  return email === undefined || email === account.email ? others : { ...others, email }
}

/** Refuses changes of the own account that have a route of their own. */
function refuseOwn(account: Account, { email, emailVerified }: AccountChanges): void {
  if (email !== undefined) throw ownRoute('email', '/email')
  if (emailVerified !== undefined && emailVerified !== (account.emailVerifiedAt !== null))
    throw ownRoute('email_verified', '/email_verified')
}

function ownRoute(member: keyof typeof ownRoutes, pointer: string): Problem {
  return new Problem('invalid_request', { errors: [{ pointer, detail: ownRoutes[member] }] })
}

/** @param attempt reads the account; returns null if it was changed meanwhile */
async function untilUnchanged<T>(attempt: () => Promise<T | null>): Promise<T> {
  for (let tries = 0; tries < maxTries; tries++) {
    const done = await attempt()
    if (done !== null) return done
  }
  throw new Problem('unavailable', {
    detail: 'Others change the account at the same time. Try again.',
  })
}
