import type { Config } from '../config.js'
import { readKeyText } from '../keys/key-file.js'
import { parseKeys, type SigningKey } from '../keys/signing-key.js'
import { missingFile } from './missing-file.js'

/**
 * Returns the text of the key file.
 *
 * @throws CommandError if it does not exist: only the server and `keys create` create it
 */
export async function readExistingFile({ KEYS_FILE }: Pick<Config, 'KEYS_FILE'>): Promise<string> {
  const text = await readKeyText(KEYS_FILE)
  if (text !== null) return text
  throw missingFile(
    'key file',
    KEYS_FILE,
    ['KEYS_FILE', KEYS_FILE],
    'The first start of the server creates the file. To create it now, run: npm run keys -- create',
  )
}

/**
 * Returns the signing keys of the settings.
 *
 * @throws CommandError if they are in a file that does not exist
 */
export async function readExistingKeys(
  config: Pick<Config, 'KEYS' | 'KEYS_FILE'>,
): Promise<SigningKey[]> {
  const { KEYS, KEYS_FILE } = config
  return KEYS === ''
    ? await parseKeys(await readExistingFile(config), KEYS_FILE)
    : await parseKeys(KEYS, 'KEYS')
}
