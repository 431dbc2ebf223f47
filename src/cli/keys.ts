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
 * `npm run keys -- …`: lists and changes the signing keys of the settings, and says on standard
 * output what that means.
 *
 * @param args what follows the word `keys`
 * @throws ConfigError for arguments that cannot be used, and for a change of keys that are not
 *   in a file; KeyRingError for keys or a file that cannot be used
 */
export async function manageKeys(
  args: string[],
  config: Config,
  clock: Clock = Date.now,
): Promise<void> {
  const wish = readArguments(args)
  const when: ChangeTimes = {
    now: Math.floor(clock() / 1000),
    times: {
      publishSeconds: config.KEY_PUBLISH_SECONDS,
      longestTokenSeconds: longestTokenSeconds(config),
    },
  }
  if (wish.what === 'list') {
    console.log(await list(config, when))
  } else if (wish.what === 'generate') {
    console.log(
      JSON.stringify({ keys: [await generateKey(when.now, { alg: wish.alg ?? 'ES256' })] }),
    )
    console.error(
      "This is a private key. Only it is on standard output; so that npm's own lines are not: npm run -s keys -- generate",
    )
  } else if (wish.what === 'rotate') {
    console.log(
      sayRotated(
        config.KEYS_FILE,
        await change(
          config,
          async (keys) => await planRotation(keys, { ...when, alg: wish.alg, atOnce: wish.now }),
          true,
        ),
        when,
      ),
    )
  } else if (wish.what === 'revoke') {
    console.log(
      sayRevoked(
        wish.kid,
        await change(config, async (keys) => await planRevocation(keys, wish.kid, when)),
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
  to rotate, put the key that "npm run -s keys -- generate" prints into its "keys", beside the others;
  to revoke or prune, take the key out of its "keys" ("npm run keys -- list" shows what each does).
Then restart the replicas one after another.`)
  }
  return await changeKeyFile(KEYS_FILE, plan, { make })
}

async function list({ KEYS, KEYS_FILE }: Config, when: ChangeTimes): Promise<string> {
  const [text, source] =
    KEYS === '' ? ([await readKeyText(KEYS_FILE), KEYS_FILE] as const) : ([KEYS, 'KEYS'] as const)
  if (text === null)
    return `There is no key file ${KEYS_FILE} yet. The first start of the server makes it, and so does: npm run keys -- rotate`
  return tableOfKeys(await parseKeys(text, source), when)
}
