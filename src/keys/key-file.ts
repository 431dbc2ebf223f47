import { randomUUID } from 'node:crypto'
import {
  constants,
  copyFile,
  link,
  mkdir,
  readFile,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../clock.js'
import { generateKey, KeyRingError, parseKeys, type SigningKey } from './signing-key.js'

/**
 * The signing keys of a file. Where there is no file, one with a new ES256 key is made,
 * readable by its owner alone; a file that is there is never written.
 *
 * @throws KeyRingError when the file cannot be read, made or used
 */
export async function loadKeyFile(path: string, clock: Clock): Promise<SigningKey[]> {
  if ((await readKeyText(path)) === null)
    await makeKeyFile(path, [await generateKey(Math.floor(clock() / 1000))])
  return await readKeyFile(path)
}

/**
 * The signing keys of a file that must be there.
 *
 * @throws KeyRingError when it is not there, cannot be read, or cannot be used
 */
export async function readKeyFile(path: string): Promise<SigningKey[]> {
  const text = await readKeyText(path)
  if (text === null) throw new KeyRingError(`${path} is not there.`)
  return await parseKeys(text, path)
}

/**
 * The text of a key file, or null where there is none.
 *
 * @throws KeyRingError when it cannot be read
 */
export async function readKeyText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new KeyRingError(`${path} cannot be read (${code}).`)
  }
}

/**
 * Makes a key file and its folder, readable by their owner alone, unless there is a file: of
 * two processes that make it at once, both use the first one's.
 *
 * @returns whether this call made it
 * @throws KeyRingError when it cannot be made
 */
export async function makeKeyFile(
  path: string,
  keys: Array<Record<string, unknown>>,
): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const made = await publish(formatKeySet({ keys }), path)
    // A symbolic link that leads nowhere is in the way, and yet no file.
    await stat(path)
    return made
  } catch (error) {
    throw new KeyRingError(`${path} cannot be made (${(error as NodeJS.ErrnoException).code}).`)
  }
}

/** A JWK Set as it stands in a file. */
export function formatKeySet(set: object): string {
  return `${JSON.stringify(set, null, 2)}\n`
}

/**
 * Whether others than the owner may do anything with a key file, as far as its mode says it;
 * Windows keeps that elsewhere.
 */
export async function isOpenToOthers(
  path: string,
  platform: NodeJS.Platform = process.platform,
): Promise<boolean> {
  const { mode } = await stat(path).catch(() => ({ mode: 0 }))
  return platform !== 'win32' && (mode & 0o077) !== 0
}

// A link appears with its whole content and fails where a file is. Where the file system has no
// links, an exclusive copy comes close.
async function publish(text: string, path: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true })
    return await link(draft, path)
      .catch(async () => {
        await copyFile(draft, path, constants.COPYFILE_EXCL)
      })
      .then(() => true, isExisting)
  } finally {
    await unlink(draft).catch(() => {})
  }
}

function isExisting(error: NodeJS.ErrnoException): false {
  if (error.code !== 'EEXIST') throw error
  return false
}
