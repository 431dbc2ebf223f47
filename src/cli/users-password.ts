import type { Passwords } from '../passwords/passwords.js'
import { CommandError } from './command-error.js'
import { hashNewPassword } from './new-password.js'
import {
  type ChangeUserDeps,
  changedMeanwhile,
  findAccount,
  tokensRevoked,
} from './users-account.js'
import { operator } from './users-operator.js'

/**
 * `users set-password`: sets a password by the rules of a sign-up. It revokes every refresh
 * token and every link that is bound to the previous password, and notifies the owner.
 *
 * @throws CommandError if the account does not exist, or a sign-up would refuse the password
 */
export async function setPassword(
  who: string,
  {
    accounts,
    administration,
    passwords,
    terminal,
    accessTokenSeconds,
  }: ChangeUserDeps & { passwords: Passwords },
): Promise<void> {
  const account = await findAccount(accounts, who)
  const { email, disabledAt } = account
  const passwordHash = await hashNewPassword(account, { passwords, terminal })
  if (!(await administration.setPassword(operator, account, passwordHash)))
    throw new CommandError(changedMeanwhile)
  terminal.stdout.write(
    `Set the password of ${email}. ${tokensRevoked(accessTokenSeconds)}\n${disabledAt === null ? '' : 'The account is still disabled.\n'}`,
  )
}
