import { canonicalEmail } from '../account/email-address.js'
import { Name } from '../account/user.js'
import type { Passwords } from '../passwords/passwords.js'
import { createChecker } from '../schema-check.js'
import type { Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import { hashNewPassword } from './new-password.js'
import type { Terminal } from './terminal.js'

/** The dependencies of {@link createUser}. */
export interface CreateUserDeps {
  accounts: Accounts
  passwords: Passwords
  terminal: Terminal
}

/** The account of the arguments. */
export interface UserArguments {
  email: string
  name: string | null
  emailVerified: boolean
}

/**
 * `users create`: creates an account by the rules of a sign-up. It asks twice for the password
 * at the terminal without echo, or reads it from the first line of the standard input.
 *
 * @throws CommandError if a sign-up would refuse the account
 */
export async function createUser(
  { email, name, emailVerified }: UserArguments,
  { accounts, passwords, terminal }: CreateUserDeps,
): Promise<void> {
  const address = canonicalEmail(email)
  if (address === null) throw new CommandError('The e-mail address is not valid.')
  if (createChecker(Name)(name).length > 0)
    throw new CommandError('A name must have 1 to 200 characters and no control characters.')
  const passwordHash = await hashNewPassword({ email: address, name }, { passwords, terminal })
  const { created } = await accounts.createMany([
    { email: address, passwordHash, name, emailVerified },
  ])
  if (created === 0) throw new CommandError(`${address} already has an account.`)
  terminal.stdout.write(`Created ${address}.\n`)
}
