import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { readRoles } from '../roles.js'
import type { Account, AccountChanges, Accounts } from '../store/accounts.js'
import { addressesOf } from '../store/email-history.js'
import type { Actor, Acts } from './acts.js'
import type { AdminMails } from './admin-mails.js'
import { membersThatChange } from './changed-members.js'
import { isMachine, refuseMachineOverAdmins } from './machine-acts.js'

/** An account that an admin or an operator creates. `roles` and `claims` are columns. */
export type CreatedByAdmin = Omit<Parameters<Accounts['create']>[0], 'isLogin'>

/** The dependencies of {@link createAdministration}. */
export interface AdministrationParts {
  accounts: Pick<Accounts, 'create' | 'change' | 'delete' | 'endRefreshTokens' | 'setPassword'>
  acts: Pick<Acts, 'record'>
  mails: Pick<AdminMails, 'emailChanged' | 'passwordSet' | 'accountDeleted'>
  clock: Clock
}

/**
 * The acts of admins, machine clients and operators on accounts. The routes and the command
 * line use the same functions. No act of a machine client concerns an account with the role
 * `admin`, or gives it: `insufficient_scope`. Each acts first, then sends the mails, then
 * records the act. If the act cannot be recorded, the error passes on, and the act stays.
 *
 * @throws Problem `unavailable`
 */
export interface Administration {
  /** @throws Problem `email_taken` if the address has an account */
  create: (actor: Actor, account: CreatedByAdmin) => Promise<Account>
  /**
   * Changes an account. Members that keep their value change nothing, and are not recorded.
   * Another address is mailed to the former one.
   *
   * @param account as it was read
   * @param ifSameRoles only if the roles are still those that were read
   * @returns the account as it is now; null if it is gone or was changed since it was read
   * @throws Problem
   *
   *   - `email_taken` if another account has the address
   *   - `last_admin` if no other enabled account would be an admin
   */
  change: (
    actor: Actor,
    account: Account,
    changes: AccountChanges,
    options?: { ifSameRoles: boolean },
  ) => Promise<Account | null>
  /**
   * Sets a password, and mails the owner. Returns false if the account is gone or has another
   * address by now.
   */
  setPassword: (actor: Actor, account: Account, passwordHash: string) => Promise<boolean>
  /**
   * Revokes every refresh token. Returns false if the account is gone or disabled, or, for a
   * machine client, has other roles by now.
   */
  logout: (actor: Actor, account: Pick<Account, 'id' | 'roles'>) => Promise<boolean>
  /**
   * Deletes an account, and mails its address and the former addresses.
   *
   * @returns false if it is gone or was changed since it was read
   * @throws Problem `last_admin` if no other enabled account is an admin
   */
  remove: (actor: Actor, account: Account) => Promise<boolean>
}

/** Creates {@link Administration}. */
export function createAdministration({
  accounts,
  acts,
  mails,
  clock,
}: AdministrationParts): Administration {
  const recordChange = async (actor: Actor, account: Account, changes: AccountChanges) => {
    const { roles, changed, disabled } = membersThatChange(account, changes)
    // All begin at once: the log has every act also if the first cannot be recorded.
    await Promise.all([
      changed.length > 0 &&
        acts.record(actor, 'admin.user_changed', account.id, {
          changed,
          ...(disabled !== undefined && { disabled }),
        }),
      roles !== undefined &&
        acts.record(actor, 'admin.roles_changed', account.id, { roles: readRoles(roles) }),
    ])
  }
  return {
    create: async (actor, created) => {
      refuseMachineOverAdmins(actor, created.roles)
      const account = await accounts.create(created)
      if (account === null) throw new Problem('email_taken')
      await acts.record(actor, 'admin.user_created', account.id, rolesOf(account))
      return account
    },
    change: async (actor, account, changes, { ifSameRoles } = { ifSameRoles: false }) => {
      refuseMachineOverAdmins(actor, account.roles, changes.roles)
      const done = await accounts.change(account, changes, {
        keepAdmin: !actor.mayRemoveLastAdmin,
        // The account may get the role `admin` meanwhile.
        ifSameRoles: ifSameRoles || isMachine(actor),
      })
      if (typeof done === 'string') throw new Problem(done, { account: account.id })
      if (done === null) return null
      if (changes.email !== undefined && changes.email !== account.email)
        mails.emailChanged(account)
      await recordChange(actor, account, changes)
      return done
    },
    setPassword: async (actor, account, passwordHash) => {
      if (!(await accounts.setPassword(account, passwordHash))) return false
      mails.passwordSet(account)
      await acts.record(actor, 'admin.user_changed', account.id, { changed: ['password'] })
      return true
    },
    logout: async (actor, { id, roles }) => {
      refuseMachineOverAdmins(actor, roles)
      if (!(await accounts.endRefreshTokens(id, isMachine(actor) ? roles : undefined))) return false
      await acts.record(actor, 'admin.user_logged_out', id)
      return true
    },
    remove: async (actor, account) => {
      refuseMachineOverAdmins(actor, account.roles)
      const done = await accounts.delete(account, {
        ifUnchanged: false,
        keepAdmin: !actor.mayRemoveLastAdmin,
      })
      if (done === 'last_admin') throw new Problem(done, { account: account.id })
      if (!done) return false
      for (const address of addressesOf(account, clock())) mails.accountDeleted(address, account)
      await acts.record(actor, 'admin.user_deleted', account.id)
      return true
    },
  }
}

/** Returns the roles of a new account, as the details of its act. */
export function rolesOf({ roles }: Pick<Account, 'roles'>): { roles?: string[] } {
  const names = readRoles(roles)
  return names.length > 0 ? { roles: names } : {}
}
