import { CommandError } from './command-error.js'
import { type ChangeUserDeps, changedMeanwhile, findAccount } from './users-account.js'
import { operator } from './users-operator.js'

/**
 * `users verify`: marks the address of an account as verified. The password and the tokens
 * stay.
 *
 * @throws CommandError if the account does not exist, or changes meanwhile
 */
export async function verifyUser(
  who: string,
  {
    accounts,
    administration,
    terminal,
  }: Pick<ChangeUserDeps, 'accounts' | 'administration' | 'terminal'>,
): Promise<void> {
  const account = await findAccount(accounts, who)
  const isVerified = account.emailVerifiedAt !== null
  if (
    !isVerified &&
    (await administration.change(operator, account, { emailVerified: true })) === null
  )
    throw new CommandError(changedMeanwhile)
  terminal.stdout.write(
    isVerified
      ? `${account.email} is already verified. Nothing was changed.\n`
      : `Verified ${account.email}. Its password and its tokens keep working.\n`,
  )
}
