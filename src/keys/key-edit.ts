import { randomUUID } from 'node:crypto'
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { KeyChange } from './key-changes.js'
import { formatKeySet, readKeyText } from './key-file.js'
import { KeyRingError, parseKeys, type SigningKey } from './signing-key.js'
import { withLock } from './lock.js'

/** The keys of a file before and after a change. */
export interface ChangedKeys {
  before: SigningKey[]
  after: SigningKey[]
}

/** Options of a change. */
export interface ChangeOptions {
  /** The max wait for a change by another process. */
  timeoutMilliseconds?: number
}

/**
 * Changes the keys of a file. A reader sees either the old file or the new one, and no change
 * by another process is lost. Keeps the mode, the owner and unknown members.
 *
 * @param plan returns the change; an empty change writes nothing
 * @throws KeyRingError if the file is missing, cannot be used or replaced, or stays locked by
 *   another process; the error of `plan`. The old file is then unchanged.
 */
export async function changeKeyFile(
  path: string,
  plan: (keys: SigningKey[]) => KeyChange | Promise<KeyChange>,
  { timeoutMilliseconds = 5000 }: ChangeOptions = {},
): Promise<ChangedKeys> {
  if ((await readKeyText(path)) === null) throw new KeyRingError(`${path} does not exist.`)
  try {
    // Resolve symbolic links, so that every path of the file uses the same lock.
    const file = await realpath(path)
    const lock = `${file}.lock`
    const busy = () =>
      new KeyRingError(
        `Another command is changing ${path}. If no command is running, a killed one has left its lock: remove ${lock} and try again.`,
      )
    return await withLock(
      lock,
      timeoutMilliseconds,
      busy,
      async () => await change(path, file, plan),
    )
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === undefined
      ? error
      : new KeyRingError(`${path} cannot be changed (${code}). It is unchanged.`)
  }
}

async function change(
  path: string,
  file: string,
  plan: Parameters<typeof changeKeyFile>[1],
): Promise<ChangedKeys> {
  const text = await readFile(file, 'utf8')
  const before = await parseKeys(text, path)
  const { remove, add } = await plan(before)
  if (remove.length + add.length === 0) return { before, after: before }
  const set = JSON.parse(text) as { keys: unknown[] }
  const changed = formatKeySet({
    ...set,
    keys: [
      ...set.keys.filter((_, index) => !remove.includes((before[index] as SigningKey).kid)),
      ...add,
    ],
  })
  const after = await parseKeys(changed, path)
  await replaceFile(path, file, changed)
  return { before, after }
}

async function replaceFile(path: string, file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  try {
    await writeDraft(path, draft, text, await stat(file))
    await rename(draft, file)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw error
  }
  await syncFolder(dirname(file))
}

async function writeDraft(
  path: string,
  draft: string,
  text: string,
  old: { uid: number; gid: number; mode: number },
): Promise<void> {
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    const { uid, gid } = await handle.stat()
    // With another owner the server might not be able to read the file: an outage.
    if (uid !== old.uid || gid !== old.gid) {
      await handle.chown(old.uid, old.gid).catch(() => {
        throw new KeyRingError(
          `${path} belongs to user ${old.uid}, group ${old.gid}. Run this command as that user, so that the server can still read its keys.`,
        )
      })
    }
    await handle.chmod(old.mode & 0o777)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// Otherwise a power failure could restore a revoked key. Not every system can sync a folder.
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder)
    await handle.sync().finally(async () => {
      await handle.close()
    })
  } catch {}
}
