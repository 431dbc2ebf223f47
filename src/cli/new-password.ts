import { Problem } from '../errors.js'
import type { Passwords } from '../passwords/passwords.js'
import type { PasswordContext } from '../passwords/policy.js'
import { CommandError } from './command-error.js'
import { type Line, readLines } from './lines.js'
import { ask } from './prompt.js'
import type { Terminal } from './terminal.js'

/**
 * Reads a new password and hashes it, by the rules of a sign-up. It asks twice at the terminal
 * without echo, or reads the first line of the standard input.
 *
 * @param context the account of the password
 * @throws CommandError if a sign-up would refuse the password
 */
export async function hashNewPassword(
  context: PasswordContext,
  { passwords, terminal }: { passwords: Passwords; terminal: Terminal },
): Promise<string> {
  const password = await readPassword(terminal)
  return await passwords
    .withHashSlot(null, async ({ hashNew }) => await hashNew(password, context))
    .catch((error: unknown) => {
      throw refusal(error)
    })
}

async function readPassword(terminal: Terminal): Promise<string> {
  if (terminal.stdin.isTTY !== true) return await readFirstLine(terminal)
  const [password = '', repeated] = await ask(['Password: ', 'Repeat password: '], terminal, {
    hidden: true,
  })
  if (password !== repeated) throw new CommandError('The passwords differ. Nothing was changed.')
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
