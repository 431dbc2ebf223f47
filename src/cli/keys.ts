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
import { createKeyFile, readKeyFile } from '../keys/key-file.js'
import { type Algorithm, generateKey, type SigningKey } from '../keys/signing-key.js'
import { longestTokenSeconds } from '../tokens/lifetimes.js'
import { CommandError } from './command-error.js'
import { readExistingFile, readExistingKeys } from './existing-keys.js'
import { readArguments } from './keys-arguments.js'
import { sayCreated, sayPruned, sayRevoked, sayRotated, tableOfKeys } from './keys-texts.js'

/**
 * `npm run keys -- …`: lists and changes the signing keys of the settings, and prints the
 * effects to the standard output.
 *
 * @param args the arguments after the word `keys`
 * @throws ConfigError if the arguments are not valid, or the keys to change are not in a file
 * @throws KeyRingError if the keys or their file cannot be used
 * @throws CommandError if the key file is missing, or if it exists and is to be created
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
  } else if (command.name === 'create') {
    console.log(await create(config, await generateKey(when.now, options(command))))
  } else if (command.name === 'generate') {
    console.log(JSON.stringify({ keys: [await generateKey(when.now, options(command))] }))
    console.error(
      "This is a private key. To keep npm's own lines out of the standard output, use: npm run -s keys -- generate",
    )
  } else if (command.name === 'rotate') {
    const { alg, now: atOnce } = command
    const plan = async (keys: SigningKey[]) => await planRotation(keys, { ...when, alg, atOnce })
    console.log(sayRotated(await change(config, plan), when))
  } else if (command.name === 'revoke') {
    const { kid } = command
    const plan = async (keys: SigningKey[]) => await planRevocation(keys, kid, when)
    console.log(sayRevoked(kid, await change(config, plan), when))
  } else {
    console.log(sayPruned(await change(config, (keys) => planPruning(keys, when))))
  }
}

function options({ alg = 'ES256' }: { alg: Algorithm | undefined }) {
  return { alg }
}

async function create(config: Config, key: Record<string, unknown>): Promise<string> {
  requireFile(config)
  const { KEYS_FILE: file } = config
  if (!(await createKeyFile(file, [key])))
    throw new CommandError(
      `${file} already exists. Nothing was changed. To add a key, run: npm run keys -- rotate`,
    )
  return sayCreated(file, await readKeyFile(file))
}

async function change(
  config: Config,
  plan: (keys: SigningKey[]) => KeyChange | Promise<KeyChange>,
): Promise<ChangedKeys> {
  requireFile(config)
  await readExistingFile(config)
  return await changeKeyFile(config.KEYS_FILE, plan)
}

/** Throws ConfigError if the keys are not in a file. */
function requireFile({ KEYS }: Config): void {
  if (KEYS !== '') {
    throw new ConfigError(`The keys are in the setting KEYS, which this command cannot change. Change the secret itself:
  to rotate, add the key that "npm run -s keys -- generate" prints to its "keys", beside the others;
  to revoke or prune, remove the key from its "keys" ("npm run keys -- list" shows the state of each).
Then restart the replicas one after another.`)
  }
}

async function list(config: Config, when: ChangeTimes): Promise<string> {
  return tableOfKeys(await readExistingKeys(config), when)
}
