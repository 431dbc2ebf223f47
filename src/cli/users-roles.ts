import { findRoleError, readRoles, toRolesColumn } from '../roles.js'
import type { Account } from '../store/accounts.js'
import { isUnusableHash } from '../unusable-hash.js'
import { CommandError } from './command-error.js'
import type { Terminal } from './terminal.js'
import { type ChangeUserDeps, changedMeanwhile, findAccount } from './users-account.js'
import { warnOfNoAdmin } from './users-last-admin.js'
import { operator } from './users-operator.js'

/**
 * `users roles`: prints the roles of an account, one a line.
 *
 * @throws CommandError if the account does not exist
 */
export async function printRoles(
  who: string,
  { accounts, terminal }: Pick<ChangeUserDeps, 'accounts' | 'terminal'>,
): Promise<void> {
  const { roles } = await findAccount(accounts, who)
  terminal.stdout.write(
    readRoles(roles)
      .map((role) => `${role}\n`)
      .join(''),
  )
}

/**
 * `users grant|revoke`: gives or takes a role. It warns if another person may have the account,
 * or if no enabled admin is left.
 *
 * @throws CommandError if the account does not exist, the role is not valid, or the account
 *   would have too many roles
 */
export async function changeRole(
  change: 'grant' | 'revoke',
  who: string,
  role: string,
  { accounts, administration, terminal, accessTokenSeconds }: ChangeUserDeps,
): Promise<void> {
  requireRoles([role])
  const account = await findAccount(accounts, who)
  const { email } = account
  const roles = readRoles(account.roles)
  const isGrant = change === 'grant'
  if (roles.includes(role) === isGrant) {
    const state = isGrant ? 'already has' : 'does not have'
    terminal.stdout.write(`${email} ${state} the role ${role}. Nothing was changed.\n`)
    return
  }
  const next = isGrant ? [...roles, role] : roles.filter((one) => one !== role)
  requireRoles(next)
  const changed = await administration.change(operator, account, { roles: toRolesColumn(next) })
  if (changed === null) throw new CommandError(changedMeanwhile)
  terminal.stdout.write(
    `${isGrant ? `Granted ${role} to` : `Revoked ${role} from`} ${email}. Its roles: ${next.join(', ') || 'none'}.\nNew access tokens say so. Issued ones expire within ${accessTokenSeconds} s.\n`,
  )
  if (isGrant) warnOfStranger(account, terminal)
  else await warnOfNoAdmin(account, accounts, terminal)
}

/**
 * Requires that an account may have these roles.
 *
 * @throws CommandError if it may not
 */
export function requireRoles(roles: string[]): void {
  const error = findRoleError(roles)
  if (error !== null) throw new CommandError(`The roles are not valid: ${error}.`)
}

// An attacker may have signed up with the address, and wait for the role.
function warnOfStranger(
  { email, emailVerifiedAt, passwordHash }: Account,
  { stderr }: Pick<Terminal, 'stderr'>,
): void {
  if (emailVerifiedAt !== null || isUnusableHash(passwordHash)) return
  stderr.write(
    `Warning: the address ${email} is not verified. Another person may have signed up with it, and has the role now.\nLet the owner of the address set a new password with POST /password/forgot: that verifies the address, and logs others out. If you know that the owner has the account, run: npm run users -- verify ${email}\n`,
  )
}
