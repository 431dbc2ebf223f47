import { open, type FileHandle } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Config } from '../config.js'
import { createHashGate } from '../passwords/gate.js'
import { createPasswords } from '../passwords/passwords.js'
import { createEstimator } from '../passwords/strength.js'
import { openStore, type Store } from '../store/open.js'
import { CommandError } from './command-error.js'
import type { Terminal } from './terminal.js'
import { type Change, changeUser } from './users-account.js'
import { createUser } from './users-create.js'
import { exportUsers } from './users-export.js'
import { importUsers, openSource } from './users-import.js'
import { listUsers } from './users-list.js'

const usage = `How to use it:
  npm run users -- import <file.jsonl>     makes accounts of the lines of a file, or of the standard input with -
  npm run users -- export                  writes every account as a line for import, with ids and password hashes
                   --output <file.jsonl>   into a new file, which only you can read, instead of the standard output
  npm run users -- create <email>          makes one account; asks for the password, or reads it from the standard input
                   --name <name> --verified
  npm run users -- list                    every account, a line each
                   --json                  as JSON Lines
  npm run users -- disable <email or id>   nobody can log in to it; its refresh tokens end
  npm run users -- enable <email or id>    takes that back
  npm run users -- logout <email or id>    ends its refresh tokens
  npm run users -- delete <email or id>    for good; asks first
                   --yes                   does not ask`

/** How many arguments each command takes after its name, and which options. */
const commands = {
  import: { arguments: 1, options: [] },
  export: { arguments: 0, options: ['output'] },
  create: { arguments: 1, options: ['name', 'verified'] },
  list: { arguments: 0, options: ['json'] },
  disable: { arguments: 1, options: [] },
  enable: { arguments: 1, options: [] },
  logout: { arguments: 1, options: [] },
  delete: { arguments: 1, options: ['yes'] }
} as const satisfies Record<string, { arguments: number, options: string[] }>

/**
 * `npm run users -- <command>`: what an operator does to accounts. Answers the exit code.
 * @throws CommandError for arguments that do not fit, before anything is opened, and for what cannot be done; whatever `openStore` throws
 */
export async function users (args: string[], config: Config, terminal: Terminal): Promise<number> {
  const { command, argument, options } = readArguments(args)
  const file = command === 'import' && argument !== '-' ? await openFile(argument) : null
  try {
    const store = await openStore(config.DATABASE_URL, { autoMigrate: config.AUTO_MIGRATE === 'on', clock: Date.now })
    try {
      return await run({ command, argument, options, file }, store, config, terminal)
    } finally {
      await store.close()
    }
  } finally {
    await file?.close()
  }
}

async function run ({ command, argument, options, file }: ReturnType<typeof readArguments> & { file: FileHandle | null }, { accounts }: Store, config: Config, terminal: Terminal): Promise<number> {
  if (command === 'import') return await importUsers(accounts, await openSource(file, terminal), terminal)
  if (command === 'export') await exportUsers(accounts, options.output, terminal)
  else if (command === 'list') await listUsers(accounts, { json: options.json }, terminal)
  else if (command === 'create') await createUser({ email: argument, name: options.name, emailVerified: options.verified }, { accounts, passwords: await openPasswords(config), terminal })
  else await changeUser(command, argument, { yes: options.yes }, { accounts, terminal, accessTokenSeconds: config.ACCESS_TOKEN_SECONDS })
  return 0
}

function readArguments (args: string[]) {
  const { values, positionals } = parse(args)
  const [command = '', ...rest] = positionals
  if (!isCommand(command)) throw new CommandError(usage)
  const allowed: readonly string[] = commands[command].options
  if (rest.length !== commands[command].arguments || Object.keys(values).some((name) => !allowed.includes(name))) throw new CommandError(usage)
  const { name = null, verified = false, json = false, yes = false, output = null } = values
  return { command, argument: rest[0] ?? '', options: { name, verified, json, yes, output } }
}

function parse (args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { name: { type: 'string' }, verified: { type: 'boolean' }, json: { type: 'boolean' }, yes: { type: 'boolean' }, output: { type: 'string' } } })
  } catch {
    throw new CommandError(usage)
  }
}

function isCommand (command: string): command is 'import' | 'export' | 'create' | 'list' | Change {
  return Object.hasOwn(commands, command)
}

async function openFile (path: string): Promise<FileHandle> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => { throw new CommandError(`The file cannot be opened (${error.code}).`) })
  if (!(await file.stat()).isDirectory()) return file
  await file.close()
  throw new CommandError('That is a folder, not a file.')
}

async function openPasswords ({ ARGON2_MEMORY_KIB: memoryKiB, ARGON2_PASSES: passes, ARGON2_LANES: lanes, PASSWORD_MIN_LENGTH: minLength }: Config) {
  return await createPasswords({ cost: { memoryKiB, passes, lanes }, minLength, estimate: createEstimator(), gate: createHashGate({ concurrency: 1, queueMilliseconds: 0, now: Date.now }) })
}
