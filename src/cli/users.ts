import { open, type FileHandle } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Config } from '../config.js'
import { createHashGate } from '../passwords/gate.js'
import { createPasswords } from '../passwords/passwords.js'
import { createEstimator } from '../passwords/strength.js'
import { openStore, type Store } from '../store/open-store.js'
import { CommandError } from './command-error.js'
import type { Terminal } from './terminal.js'
import { type Change, changeUser } from './users-account.js'
import { createUser } from './users-create.js'
import { setEmail } from './users-email.js'
import { exportUsers } from './users-export.js'
import { importUsers, openSource } from './users-import.js'
import { listUsers } from './users-list.js'
import { createSendMails, type SendMails } from './users-mail.js'

const usage = `Usage:
  npm run users -- import <file.jsonl>     creates accounts from the lines of a file; - reads the standard input
  npm run users -- export                  writes every account as a line for import, with ids and password hashes
                   --output <file.jsonl>   writes to a new file that only you can read, not to the standard output
  npm run users -- create <email>          creates an account; asks for the password, or reads it from the standard input
                   --name <name> --verified
  npm run users -- list                    lists every account, one a line
                   --json                  prints JSON Lines
  npm run users -- disable <email or id>   disables login and revokes the refresh tokens
  npm run users -- enable <email or id>    enables login again
  npm run users -- logout <email or id>    revokes the refresh tokens
  npm run users -- set-email <email or id> <new>
                                           changes the address; revokes the refresh tokens and every undo link
                   --verified              the new address counts as verified
                   --reset-password        the current password stops working
  npm run users -- delete <email or id>    deletes the account for good; asks first
                   --yes                   does not ask`

/** The options of each command, and the number of arguments after its name. */
const commands = {
  import: { arguments: 1, options: [] },
  export: { arguments: 0, options: ['output'] },
  create: { arguments: 1, options: ['name', 'verified'] },
  list: { arguments: 0, options: ['json'] },
  disable: { arguments: 1, options: [] },
  enable: { arguments: 1, options: [] },
  logout: { arguments: 1, options: [] },
  'set-email': { arguments: 2, options: ['verified', 'reset-password'] },
  delete: { arguments: 1, options: ['yes'] },
} as const satisfies Record<string, { arguments: number; options: string[] }>

/**
 * `npm run users -- <command>`: manages accounts, for operators. Errors of `openStore` pass
 * through.
 *
 * @returns the exit code
 * @throws CommandError if the arguments are not valid (nothing is opened then), or the command
 *   fails
 */
export async function users(
  args: string[],
  config: Config,
  terminal: Terminal,
  sendMails = createSendMails(config, terminal),
): Promise<number> {
  const { command, argument, second, options } = readArguments(args)
  const file = command === 'import' && argument !== '-' ? await openFile(argument) : null
  try {
    const store = await openStore(config.DATABASE_URL, {
      autoMigrate: config.AUTO_MIGRATE === 'on',
      clock: Date.now,
      onWait: (line) => terminal.stderr.write(`${line}\n`),
    })
    try {
      return await run(
        { command, argument, second, options, file },
        store,
        config,
        terminal,
        sendMails,
      )
    } finally {
      await store.close()
    }
  } finally {
    await file?.close()
  }
}

async function run(
  {
    command,
    argument,
    second,
    options,
    file,
  }: ReturnType<typeof readArguments> & { file: FileHandle | null },
  { accounts }: Store,
  config: Config,
  terminal: Terminal,
  sendMails: SendMails,
): Promise<number> {
  const mailing = {
    accounts,
    terminal,
    sendMails,
    appUrl: config.APP_URL,
    accessTokenSeconds: config.ACCESS_TOKEN_SECONDS,
  }
  if (command === 'import')
    return await importUsers(accounts, await openSource(file, terminal), terminal)
  if (command === 'export') await exportUsers(accounts, options.output, terminal)
  else if (command === 'list') await listUsers(accounts, { json: options.json }, terminal)
  else if (command === 'create')
    await createUser(
      { email: argument, name: options.name, emailVerified: options.verified },
      { accounts, passwords: await openPasswords(config), terminal },
    )
  else if (command === 'set-email') await setEmail(argument, second, options, mailing)
  else await changeUser(command, argument, { yes: options.yes }, mailing)
  return 0
}

function readArguments(args: string[]) {
  const { values, positionals } = parse(args)
  const [command = '', ...rest] = positionals
  if (!isCommand(command)) throw new CommandError(usage)
  const allowed: readonly string[] = commands[command].options
  if (
    rest.length !== commands[command].arguments ||
    Object.keys(values).some((name) => !allowed.includes(name))
  )
    throw new CommandError(usage)
  const {
    name = null,
    verified = false,
    json = false,
    yes = false,
    output = null,
    'reset-password': resetPassword = false,
  } = values
  return {
    command,
    argument: rest[0] ?? '',
    second: rest[1] ?? '',
    options: { name, verified, json, yes, output, resetPassword },
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        verified: { type: 'boolean' },
        json: { type: 'boolean' },
        yes: { type: 'boolean' },
        output: { type: 'string' },
        'reset-password': { type: 'boolean' },
      },
    })
  } catch {
    throw new CommandError(usage)
  }
}

function isCommand(
  command: string,
): command is 'import' | 'export' | 'create' | 'list' | 'set-email' | Change {
  return Object.hasOwn(commands, command)
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
