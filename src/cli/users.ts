import { open, type FileHandle } from 'node:fs/promises'
import type { Config } from '../config.js'
import { createHashGate } from '../passwords/gate.js'
import { createPasswords } from '../passwords/passwords.js'
import { createEstimator } from '../passwords/strength.js'
import type { Store } from '../store/open-store.js'
import { CommandError } from './command-error.js'
import { openDatabase } from './open-database.js'
import type { Terminal } from './terminal.js'
import { changeUser } from './users-account.js'
import { readArguments, type UsersArguments } from './users-arguments.js'
import { createUser } from './users-create.js'
import { setEmail } from './users-email.js'
import { exportUsers } from './users-export.js'
import { importUsers, openSource } from './users-import.js'
import { inviteUser } from './users-invite.js'
import { listUsers } from './users-list.js'
import { createSendMails, type SendMails } from './users-mail.js'
import { createOperator } from './users-operator.js'
import { setPassword } from './users-password.js'
import { changeRole, printRoles } from './users-roles.js'
import { verifyUser } from './users-verify.js'

/**
 * `npm run users -- <command>`: manages accounts, for operators. Errors of `openStore` pass
 * through.
 *
 * @returns the exit code
 * @throws CommandError if the arguments are not valid (nothing is opened then), the database
 *   does not exist, or the command fails
 */
export async function users(
  args: string[],
  config: Config,
  terminal: Terminal,
  sendMails = createSendMails(config, terminal),
): Promise<number> {
  const command = readArguments(args)
  const file =
    command.command === 'import' && command.argument !== '-'
      ? await openFile(command.argument)
      : null
  try {
    const store = await openDatabase(config)
    try {
      return await run({ ...command, file }, store, config, terminal, sendMails)
    } finally {
      await store.close()
    }
  } finally {
    await file?.close()
  }
}

async function run(
  { command, argument, second, options, file }: UsersArguments & { file: FileHandle | null },
  { accounts, auditLog }: Store,
  config: Config,
  terminal: Terminal,
  sendMails: SendMails,
): Promise<number> {
  if (command === 'import')
    return await importUsers(accounts, await openSource(file, terminal), terminal)
  const operator = createOperator({ accounts, auditLog, config, sendMails })
  const deps = {
    ...operator,
    accounts,
    terminal,
    accessTokenSeconds: config.ACCESS_TOKEN_SECONDS,
  }
  try {
    if (command === 'export') await exportUsers(accounts, options.output, terminal)
    else if (command === 'list') await listUsers(accounts, options, terminal)
    else if (command === 'create')
      await createUser(
        { email: argument, name: options.name, emailVerified: options.verified },
        { ...deps, passwords: await openPasswords(config) },
      )
    else if (command === 'invite') await inviteUser(argument, options, config, deps)
    else if (command === 'roles') await printRoles(argument, deps)
    else if (command === 'grant' || command === 'revoke')
      await changeRole(command, argument, second, deps)
    else if (command === 'verify') await verifyUser(argument, deps)
    else if (command === 'set-password')
      await setPassword(argument, { ...deps, passwords: await openPasswords(config) })
    else if (command === 'set-email') await setEmail(argument, second, options, deps)
    else await changeUser(command, argument, { yes: options.yes }, deps)
  } finally {
    // The mails of an act are sent also if it cannot be recorded.
    await operator.deliverMails()
  }
  return 0
}

async function openFile(path: string): Promise<FileHandle> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`The file cannot be opened (${error.code}).`)
  })
  if (!(await file.stat()).isDirectory()) return file
  await file.close()
  throw new CommandError('The path is a folder, not a file.')
}

async function openPasswords({
  ARGON2_MEMORY_KIB: memoryKiB,
  ARGON2_PASSES: passes,
  ARGON2_LANES: lanes,
  PASSWORD_MIN_LENGTH: minLength,
}: Config) {
  return await createPasswords({
    cost: { memoryKiB, passes, lanes },
    minLength,
    estimate: createEstimator(),
    gate: createHashGate({ concurrency: 1, queueMilliseconds: 0, now: Date.now }),
  })
}
