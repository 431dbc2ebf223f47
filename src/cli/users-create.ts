import { canonicalEmail } from '../account/email-address.js'
import { Name } from '../account/user.js'
import type { Passwords } from '../passwords/passwords.js'
import { createChecker } from '../schema-check.js'
import { CommandError } from './command-error.js'
import { hashNewPassword } from './new-password.js'
import type { ChangeUserDeps } from './users-account.js'
import { explainTaken } from './users-taken.js'
import { operator } from './users-operator.js'

/** The dependencies of {@link createUser}. */
export type CreateUserDeps = Pick<ChangeUserDeps, 'administration' | 'terminal'> & {
  passwords: Passwords
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
  { administration, passwords, terminal }: CreateUserDeps,
): Promise<void> {
  const address = requirePerson(email, name)
  const passwordHash = await hashNewPassword({ email: address, name }, { passwords, terminal })
  await explainTaken(
    administration.create(operator, { email: address, passwordHash, name, emailVerified }),
    `${address} already has an account.`,
  )
  terminal.stdout.write(`Created ${address}.\n`)
}

/**
 * Checks the address and the name of a new account. Returns the address in canonical form.
 *
 * @throws CommandError if a sign-up would refuse them
 */
export function requirePerson(email: string, name: string | null): string {
  const address = canonicalEmail(email)
  if (address === null) throw new CommandError('The e-mail address is not valid.')
  if (createChecker(Name)(name).length > 0)
    throw new CommandError('A name must have 1 to 200 characters and no control characters.')
  return address
}
