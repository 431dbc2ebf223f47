import { parseArgs } from 'node:util'
import { ConfigError } from '../config.js'
import { type Algorithm, algorithms } from '../keys/signing-key.js'

/** What a person wants of `npm run keys`. */
export type KeysWish =
  | { what: 'list' | 'prune' }
  | { what: 'rotate'; now: boolean; alg: Algorithm | undefined }
  | { what: 'revoke'; kid: string }
  | { what: 'generate'; alg: Algorithm | undefined }

const alg = algorithms.join('|')
const usage = `Usage: npm run keys -- <one of these>
  list                          every key: when it was made and what it does now
  rotate [--now] [--alg ${alg}]
                                adds a key that signs once everyone has fetched it; with --now it signs at once
  revoke <kid>                  takes a key out: its tokens are refused
  prune                         takes out the keys of which no token can be alive
  generate [--alg ${alg}]
                                prints a new private key for the setting KEYS (with npm run -s keys -- generate)`

/**
 * Reads the arguments of `npm run keys`.
 *
 * @throws ConfigError with the usage, for anything that is not one wish
 */
export function readArguments([what, ...rest]: string[]): KeysWish {
  if (what === undefined) throw refuse('What shall be done with the keys?')
  if (what === 'list' || what === 'prune') {
    if (rest.length > 0) throw refuse(`"${what}" takes nothing more.`)
    return { what }
  }
  if (what === 'revoke') {
    // Taken as it stands: one kid in 64 begins with "-".
    const [kid, ...more] = rest
    if (kid === undefined || more.length > 0) throw refuse('"revoke" takes the kid of one key.')
    return { what, kid }
  }
  if (what === 'rotate')
    return {
      what,
      now: false,
      alg: undefined,
      ...readOptions(what, rest, { now: { type: 'boolean' }, alg: { type: 'string' } }),
    }
  if (what === 'generate')
    return { what, alg: undefined, ...readOptions(what, rest, { alg: { type: 'string' } }) }
  throw refuse(`There is no "${what}" for keys.`)
}

function readOptions(
  what: string,
  args: string[],
  options: Record<string, { type: 'boolean' | 'string' }>,
): { now?: boolean; alg?: Algorithm } {
  const values = parse(what, args, options)
  if (values.alg !== undefined && !algorithms.some((one) => one === values.alg))
    throw refuse(`--alg must be ${algorithms.join(', ')}.`)
  return values
}

function parse(
  what: string,
  args: string[],
  options: Record<string, { type: 'boolean' | 'string' }>,
): Record<string, unknown> {
  try {
    return parseArgs({ args, options }).values
  } catch {
    throw refuse(
      `"${what}" takes ${Object.keys(options)
        .map((name) => `--${name}`)
        .join(' and ')}, and nothing else.`,
    )
  }
}

function refuse(reason: string): ConfigError {
  return new ConfigError(`${reason}\n\n${usage}`)
}
