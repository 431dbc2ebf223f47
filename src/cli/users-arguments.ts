import { parseArgs } from 'node:util'
import { CommandError } from './command-error.js'

const usage = `Usage: npm run users -- <command>
   or: node dist/main.js users <command>   (in the image, and after npm prune --omit=dev)

  import <file.jsonl>     creates accounts from the lines of a file; - reads the standard input
  export                  writes every account as a line for import, with ids and password hashes
    --output <file.jsonl> writes to a new file that only you can read, not to the standard output
  create <email>          creates an account; asks for the password, or reads it from the standard input
    --name <name>
    --verified            the address counts as verified
  invite <email>          creates an account, and mails a link to choose a password, for 7 days
    --name <name>
    --role <role>         gives the account a role; can be repeated
  list                    lists every account, one a line
    --search <text>       only accounts with this part of the address or the name, in any case
    --no-header           without the header line
    --json                prints JSON Lines, which have no header
  roles <email or id>     prints the roles, one a line
  grant <email or id> <role>
                          gives a role; the role admin may use the admin API
  revoke <email or id> <role>
                          takes a role
  disable <email or id>   disables login and revokes the refresh tokens
  enable <email or id>    enables login again
  logout <email or id>    revokes the refresh tokens
  verify <email or id>    marks the address as verified
  set-password <email or id>
                          sets a password, as create does; revokes the refresh tokens
  set-email <email or id> <new>
                          changes the address; revokes the refresh tokens and every undo link
    --verified            the new address counts as verified
    --reset-password      the current password stops working
  delete <email or id>    deletes the account for good; asks first
    --yes                 does not ask`

/** The options of each command, and the number of arguments after its name. */
const commands = {
  import: { arguments: 1, options: [] },
  export: { arguments: 0, options: ['output'] },
  create: { arguments: 1, options: ['name', 'verified'] },
  invite: { arguments: 1, options: ['name', 'role'] },
  list: { arguments: 0, options: ['json', 'no-header', 'search'] },
  roles: { arguments: 1, options: [] },
  grant: { arguments: 2, options: [] },
  revoke: { arguments: 2, options: [] },
  disable: { arguments: 1, options: [] },
  enable: { arguments: 1, options: [] },
  logout: { arguments: 1, options: [] },
  verify: { arguments: 1, options: [] },
  'set-password': { arguments: 1, options: [] },
  'set-email': { arguments: 2, options: ['verified', 'reset-password'] },
  delete: { arguments: 1, options: ['yes'] },
} as const satisfies Record<string, { arguments: number; options: string[] }>

/** The arguments of `users`. */
export type UsersArguments = ReturnType<typeof readArguments>

/**
 * Reads the arguments of `users`.
 *
 * @throws CommandError with the usage if they are not valid
 */
export function readArguments(args: string[]) {
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
    search = null,
    role: roles = [],
    'no-header': noHeader = false,
    'reset-password': resetPassword = false,
  } = values
  if (search === '') throw new CommandError(usage)
  return {
    command,
    argument: rest[0] ?? '',
    second: rest[1] ?? '',
    options: { name, verified, json, yes, output, resetPassword, search, roles, header: !noHeader },
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
        search: { type: 'string' },
        role: { type: 'string', multiple: true },
        'no-header': { type: 'boolean' },
        'reset-password': { type: 'boolean' },
      },
    })
  } catch {
    throw new CommandError(usage)
  }
}

function isCommand(command: string): command is keyof typeof commands {
  return Object.hasOwn(commands, command)
}
