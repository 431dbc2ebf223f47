import { canonicalEmail } from '../account/email-address.js'
import { Problem } from '../errors.js'
import { Name } from '../account/user.js'
import type { Passwords } from '../passwords/passwords.js'
import { createChecker } from '../schema-check.js'
import type { Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import { type Line, readLines } from './lines.js'
import { ask } from './prompt.js'
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
  const password = await readPassword(terminal)
  const passwordHash = await passwords
    .withHashSlot(null, async ({ hashNew }) => await hashNew(password, { email: address, name }))
    .catch((error: unknown) => {
      throw refusal(error)
    })
  const { created } = await accounts.createMany([
    { email: address, passwordHash, name, emailVerified },
  ])
  if (created === 0) throw new CommandError(`${address} already has an account.`)
  terminal.stdout.write(`Created ${address}.\n`)
}

async function readPassword(terminal: Terminal): Promise<string> {
  if (terminal.stdin.isTTY !== true) return await readFirstLine(terminal)
  const [password = '', repeated] = await ask(['Password: ', 'Repeat password: '], terminal, {
    hidden: true,
  })
  if (password !== repeated) throw new CommandError('The passwords differ. Nothing was created.')
  return password
}

async function readFirstLine({ stdin }: Terminal): Promise<string> {
  const lines = readLines(stdin)
  const { value: line } = (await lines.next()) as { value: Line | undefined }
  // Close the input, or the process would wait for its end.
  await lines.return(undefined)
  if (line === undefined)
    throw new CommandError('Write the password to the first line of the standard input.')
  if ('fault' in line) throw new CommandError(`The password is ${line.fault}.`)
  return line.text
}

function refusal(error: unknown): unknown {
  if (!(error instanceof Problem) || error.code !== 'weak_password') return error
  const { reasons = [], detail = '' } = error.extras
  return new CommandError(`The password is too weak (${reasons.join(', ')}). ${detail}`.trim())
}
