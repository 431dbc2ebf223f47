import { parseArgs } from 'node:util'
import { findGrantError, findScopeError, ownScopes } from '../scopes.js'
import { CommandError } from './command-error.js'

const usage = `Usage: npm run clients -- <command>
   or: node dist/main.js clients <command>   (in the image, and after npm prune --omit=dev)

  create <name>           creates a machine client, and prints its id and its secret, once
    --scope <scope>       gives it a scope; can be repeated. Those of Latchkey: ${ownScopes.join(', ')}
  rotate <id>             prints a new secret; the previous one keeps working for 24 hours
    --keep-hours <hours>  for another time, up to 720 hours
    --now                 the previous secret and every token end at once
  scopes <id>             replaces the scopes, and ends every token
    --scope <scope>       a scope that the client is to have; can be repeated
  disable <id>            refuses the secret, and ends every token
  enable <id>             accepts the secret again; ended tokens stay ended
  list                    lists every client, one a line
    --json                prints JSON Lines`

/** The options of each command, and the number of arguments after its name. */
const commands = {
  create: { arguments: 1, options: ['scope'] },
  rotate: { arguments: 1, options: ['now', 'keep-hours'] },
  scopes: { arguments: 1, options: ['scope'] },
  disable: { arguments: 1, options: [] },
  enable: { arguments: 1, options: [] },
  list: { arguments: 0, options: ['json'] },
} as const satisfies Record<string, { arguments: number; options: string[] }>

/** The max characters of the name of a client. */
const maxName = 200

/** The arguments of `clients`. */
export type ClientsArguments = ReturnType<typeof readClientsArguments>

/**
 * Reads the arguments of `clients`.
 *
 * @throws CommandError if they are not valid
 */
export function readClientsArguments(args: string[]) {
  const { values, positionals } = parse(args)
  const [command = '', ...rest] = positionals
  if (!isCommand(command)) throw new CommandError(usage)
  const allowed: readonly string[] = commands[command].options
  if (
    rest.length !== commands[command].arguments ||
    Object.keys(values).some((name) => !allowed.includes(name))
  )
    throw new CommandError(usage)
  const { scope: scopes = [], now = false, 'keep-hours': hours, json = false } = values
  const error = findScopeError(scopes) ?? findGrantError(scopes)
  if (error !== null) throw new CommandError(`--scope: ${error}.`)
  if (command === 'scopes' && scopes.length === 0)
    throw new CommandError('Name every scope that the client is to have: --scope <scope>.')
  const argument = rest[0] ?? ''
  if (command === 'create' && !isName(argument))
    throw new CommandError(`A name has 1 to ${maxName} characters, and no control characters.`)
  if (hours !== undefined && (now || !/^([1-9]\d?|[1-6]\d\d|7[01]\d|720)$/.test(hours)))
    throw new CommandError('--keep-hours is a whole number from 1 to 720, without --now.')
  return { command, argument, scopes, json, keepHours: now ? 0 : Number(hours ?? 24) }
}

function isName(name: string): boolean {
  return name !== '' && name.length <= maxName && name.isWellFormed() && !/\p{Cc}/u.test(name)
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true },
        now: { type: 'boolean' },
        'keep-hours': { type: 'string' },
        json: { type: 'boolean' },
      },
    })
  } catch {
    throw new CommandError(usage)
  }
}

function isCommand(command: string): command is keyof typeof commands {
  return Object.hasOwn(commands, command)
}
