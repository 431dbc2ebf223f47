import { parseArgs } from 'node:util'
import { ConfigError } from '../config.js'
import { type Algorithm, algorithms } from '../keys/signing-key.js'

/** A command of `npm run keys` with its arguments. */
export type KeysCommand =
  | { name: 'list' | 'prune' }
  | { name: 'rotate'; now: boolean; alg: Algorithm | undefined }
  | { name: 'revoke'; kid: string }
  | { name: 'create' | 'generate'; alg: Algorithm | undefined }

const alg = algorithms.join('|')
const usage = `Usage: npm run keys -- <command>
   or: node dist/main.js keys <command>   (in the image, and after npm prune --omit=dev)

  create [--alg ${alg}]
                 creates the key file with one key; the first start of the server does so, too
  list           lists every key: its creation time and its state
  rotate [--now] [--alg ${alg}]
                 adds a key; it signs once all verifiers have fetched it, or at once with --now
  revoke <kid>   removes a key: its tokens are refused
  prune          removes the keys whose tokens have all expired
  generate [--alg ${alg}]
                 prints a new private key for the setting KEYS; with npm, use npm run -s keys -- generate`

/**
 * Reads the arguments of `npm run keys`.
 *
 * @throws ConfigError with the usage if the arguments are not exactly one command
 */
export function readArguments([name, ...rest]: string[]): KeysCommand {
  if (name === undefined) throw usageError('Missing command.')
  if (name === 'list' || name === 'prune') {
    if (rest.length > 0) throw usageError(`"${name}" takes no arguments.`)
    return { name }
  }
  if (name === 'revoke') {
    // Not parsed for options: one kid in 64 begins with "-".
    const [kid, ...more] = rest
    if (kid === undefined || more.length > 0) throw usageError('"revoke" takes the kid of one key.')
    return { name, kid }
  }
  if (name === 'rotate')
    return {
      name,
      now: false,
      alg: undefined,
      ...readOptions(name, rest, { now: { type: 'boolean' }, alg: { type: 'string' } }),
    }
  if (name === 'create' || name === 'generate')
    return { name, alg: undefined, ...readOptions(name, rest, { alg: { type: 'string' } }) }
  throw usageError(`Unknown command "${name}".`)
}

function readOptions(
  command: string,
  args: string[],
  options: Record<string, { type: 'boolean' | 'string' }>,
): { now?: boolean; alg?: Algorithm } {
  const values = parse(command, args, options)
  if (values.alg !== undefined && !algorithms.some((one) => one === values.alg))
    throw usageError(`--alg must be one of ${algorithms.join(', ')}.`)
  return values
}

function parse(
  command: string,
  args: string[],
  options: Record<string, { type: 'boolean' | 'string' }>,
): Record<string, unknown> {
  try {
    return parseArgs({ args, options }).values
  } catch {
    throw usageError(
      `"${command}" takes only ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(' and ')}.`,
    )
  }
}

function usageError(reason: string): ConfigError {
  return new ConfigError(`${reason}\n\n${usage}`)
}
