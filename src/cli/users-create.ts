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

/** What {@link createUser} needs. */
export interface CreateUserDeps {
  accounts: Accounts
  passwords: Passwords
  terminal: Terminal
}

/** An account as the arguments of the command describe it. */
export interface UserArguments {
  email: string
  name: string | null
  emailVerified: boolean
}

/**
 * `users create`: makes an account by the rules of a sign-up. The password comes from the
 * terminal, asked twice and not shown, or is the first line of the standard input.
 *
 * @throws CommandError for what a sign-up would refuse
 */
export async function createUser(
  { email, name, emailVerified }: UserArguments,
  { accounts, passwords, terminal }: CreateUserDeps,
): Promise<void> {
  const address = canonicalEmail(email)
  if (address === null) throw new CommandError('That is no e-mail address.')
  if (createChecker(Name)(name).length > 0)
    throw new CommandError('A name has 1 to 200 characters and no control characters.')
  const password = await readPassword(terminal)
  const passwordHash = await passwords
    .withHashSlot(null, async ({ hashNew }) => await hashNew(password, { email: address, name }))
    .catch((error: unknown) => {
      throw refusal(error)
    })
  const { created } = await accounts.createMany([
    { email: address, passwordHash, name, emailVerified },
  ])
  if (created === 0) throw new CommandError(`${address} has an account already.`)
  terminal.stdout.write(`Created ${address}.\n`)
}

async function readPassword(terminal: Terminal): Promise<string> {
  if (terminal.stdin.isTTY !== true) return await readFirstLine(terminal)
  const [password = '', again] = await ask(['Password: ', 'The same again: '], terminal, {
    hidden: true,
  })
  if (password !== again) throw new CommandError('The two passwords differ; nothing was created.')
  return password
}

async function readFirstLine({ stdin }: Terminal): Promise<string> {
  const lines = readLines(stdin)
  const { value: line } = (await lines.next()) as { value: Line | undefined }
  // Otherwise the process would wait for the end of its input.
  await lines.return(undefined)
  if (line === undefined)
    throw new CommandError('The password is expected as the first line of the standard input.')
  if ('fault' in line) throw new CommandError(`The password is ${line.fault}.`)
  return line.text
}

function refusal(error: unknown): unknown {
  if (!(error instanceof Problem) || error.code !== 'weak_password') return error
  const { reasons = [], detail = '' } = error.extras
  return new CommandError(`The password is too weak (${reasons.join(', ')}). ${detail}`.trim())
}
