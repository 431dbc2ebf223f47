import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../clock.js'
import { generateKey, KeyRingError, parseKeys, type SigningKey } from './keys.js'

/**
 * The signing keys of a file. Where there is no file, one with a new ES256 key is made, readable by its owner alone; a file that is there is never written.
 * @throws KeyRingError when the file cannot be read, made or used
 */
export async function loadKeyFile (path: string, clock: Clock): Promise<SigningKey[]> {
  const text = await read(path) ?? await make(path, clock)
  return await parseKeys(text, path)
}

async function read (path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new KeyRingError(`${path} cannot be read (${code}).`)
  }
}

async function make (path: string, clock: Clock): Promise<string> {
  const keys = [await generateKey(Math.floor(clock() / 1000))]
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await publish(`${JSON.stringify({ keys }, null, 2)}\n`, path)
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new KeyRingError(`${path} cannot be made (${(error as NodeJS.ErrnoException).code}).`)
  }
}

// A link appears with its whole content and fails where a file is: of two processes that start at once, both use the first one's key.
// Where the file system has no links, an exclusive copy comes close.
async function publish (text: string, path: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true })
    await link(draft, path).catch(async () => { await copyFile(draft, path, constants.COPYFILE_EXCL) }).catch(ignoreExisting)
  } finally {
    await unlink(draft).catch(() => {})
  }
}

function ignoreExisting (error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
