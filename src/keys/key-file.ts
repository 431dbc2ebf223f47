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
import { decodeText } from '../text.js'
import { generateKey, KeyRingError, parseKeys, type SigningKey } from './signing-key.js'

/**
 * Reads the signing keys of a file. Creates a missing file with a new ES256 key, readable by
 * its owner alone. Never changes an existing file.
 *
 * @throws KeyRingError if the file cannot be read, created or used
 */
export async function loadKeyFile(path: string, clock: Clock): Promise<SigningKey[]> {
  if ((await readKeyText(path)) === null)
    await createKeyFile(path, [await generateKey(Math.floor(clock() / 1000))])
  return await readKeyFile(path)
}

/**
 * Reads the signing keys of an existing file.
 *
 * @throws KeyRingError if the file is missing, cannot be read, or cannot be used
 */
export async function readKeyFile(path: string): Promise<SigningKey[]> {
  const text = await readKeyText(path)
  if (text === null) throw new KeyRingError(`${path} does not exist.`)
  return await parseKeys(text, path)
}

/**
 * Reads the text of a key file, without a byte order mark; null if there is no file.
 *
 * @throws KeyRingError if it cannot be read, or is not UTF-8
 */
export async function readKeyText(path: string): Promise<string | null> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new KeyRingError(`${path} cannot be read (${error.code}).`)
  })
  if (bytes === null) return null
  const text = decodeText(bytes)
  if (text !== null) return text
  throw new KeyRingError(
    `${path} is not UTF-8 text. Save it as UTF-8; Windows PowerShell writes UTF-16 with ">".`,
  )
}

/**
 * Creates a key file and its folder, readable by their owner alone, unless the file exists. If
 * two processes create it at once, both use the first file.
 *
 * @returns whether this call created it
 * @throws KeyRingError if it cannot be created
 */
export async function createKeyFile(
  path: string,
  keys: Array<Record<string, unknown>>,
): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const created = await publish(formatKeySet({ keys }), path)
    // Fail for a symbolic link without a target: it blocks the path but is not a file.
    await stat(path)
    return created
  } catch (error) {
    throw new KeyRingError(`${path} cannot be created (${(error as NodeJS.ErrnoException).code}).`)
  }
}

/** Formats a JWK Set for a file. */
export function formatKeySet(set: object): string {
  return `${JSON.stringify(set, null, 2)}\n`
}

/** The system and the user that a process runs as. */
interface Owner {
  platform: NodeJS.Platform
  userId: number | undefined
}

/**
 * Returns whether the mode of a file with secrets gives access to other users. The group may
 * read a file that belongs to another user, such as a mounted secret: this process reads it by
 * its group too. Always false on Windows, which has no such modes.
 */
export async function isOpenToOthers(
  path: string,
  { platform = process.platform, userId = process.getuid?.() }: Partial<Owner> = {},
): Promise<boolean> {
  const { mode, uid } = await stat(path).catch(() => ({ mode: 0, uid: 0 }))
  return platform !== 'win32' && (mode & (uid === userId ? 0o077 : 0o007)) !== 0
}

// A hard link appears with its whole content, and fails if a file exists. An exclusive copy is the
// fallback for file systems without links.
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
