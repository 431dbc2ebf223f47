import type { Clock } from '../clock.js'
import { type Config, ConfigError } from '../config.js'
import {
  type ChangeTimes,
  type KeyChange,
  planPruning,
  planRevocation,
  planRotation,
} from '../keys/key-changes.js'
import { changeKeyFile, type ChangedKeys } from '../keys/key-edit.js'
import { readKeyText } from '../keys/key-file.js'
import { generateKey, parseKeys, type SigningKey } from '../keys/signing-key.js'
import { longestTokenSeconds } from '../tokens/lifetimes.js'
import { readArguments } from './keys-arguments.js'
import { sayPruned, sayRevoked, sayRotated, tableOfKeys } from './keys-texts.js'

/**
 * `npm run keys -- …`: lists and changes the signing keys of the settings, and prints the
 * effects to the standard output.
 *
 * @param args the arguments after the word `keys`
 * @throws ConfigError if the arguments are not valid, or the keys to change are not in a file
 * @throws KeyRingError if the keys or their file cannot be used
 */
export async function manageKeys(
  args: string[],
  config: Config,
  clock: Clock = Date.now,
): Promise<void> {
  const command = readArguments(args)
  const when: ChangeTimes = {
    now: Math.floor(clock() / 1000),
    times: {
      publishSeconds: config.KEY_PUBLISH_SECONDS,
      longestTokenSeconds: longestTokenSeconds(config),
    },
  }
  if (command.name === 'list') {
    console.log(await list(config, when))
  } else if (command.name === 'generate') {
    console.log(
      JSON.stringify({ keys: [await generateKey(when.now, { alg: command.alg ?? 'ES256' })] }),
    )
    console.error(
      "This is a private key. To keep npm's own lines out of the standard output, use: npm run -s keys -- generate",
    )
  } else if (command.name === 'rotate') {
    console.log(
      sayRotated(
        config.KEYS_FILE,
        await change(
          config,
          async (keys) =>
            await planRotation(keys, { ...when, alg: command.alg, atOnce: command.now }),
          true,
        ),
        when,
      ),
    )
  } else if (command.name === 'revoke') {
    console.log(
      sayRevoked(
        command.kid,
        await change(config, async (keys) => await planRevocation(keys, command.kid, when)),
        when,
      ),
    )
  } else {
    console.log(sayPruned(await change(config, (keys) => planPruning(keys, when))))
  }
}

async function change(
  { KEYS, KEYS_FILE }: Config,
  plan: (keys: SigningKey[]) => KeyChange | Promise<KeyChange>,
  make = false,
): Promise<ChangedKeys> {
  if (KEYS !== '') {
    throw new ConfigError(`The keys are in the setting KEYS, which this command cannot change. Change the secret itself:
  to rotate, add the key that "npm run -s keys -- generate" prints to its "keys", beside the others;
  to revoke or prune, remove the key from its "keys" ("npm run keys -- list" shows the state of each).
Then restart the replicas one after another.`)
  }
  return await changeKeyFile(KEYS_FILE, plan, { make })
}

async function list({ KEYS, KEYS_FILE }: Config, when: ChangeTimes): Promise<string> {
  const [text, source] =
    KEYS === '' ? ([await readKeyText(KEYS_FILE), KEYS_FILE] as const) : ([KEYS, 'KEYS'] as const)
  if (text === null)
    return `There is no key file ${KEYS_FILE} yet. The first start of the server creates it, and so does: npm run keys -- rotate`
  return tableOfKeys(await parseKeys(text, source), when)
}
