import { randomUUID } from 'node:crypto'
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { KeyChange } from './key-changes.js'
import { formatKeySet, makeKeyFile, readKeyText } from './key-file.js'
import { KeyRingError, parseKeys, type SigningKey } from './signing-key.js'
import { withLock } from './lock.js'

/** The keys of a file before and after a change. */
export interface ChangedKeys {
  before: SigningKey[]
  after: SigningKey[]
}

/**
 * How a change is made: whether a missing file is made (`plan` then gets no key), and how long
 * to wait for a change by another process, in milliseconds.
 */
export interface ChangeOptions {
  make?: boolean
  patienceMilliseconds?: number
}

/**
 * Changes the keys of a file, so that a reader sees either the old file or the new one, and no
 * change by another process is lost. Mode, owner, and members that mean nothing here stay.
 *
 * @param plan says what changes; where that is nothing, nothing is written
 * @throws KeyRingError when the file is not there, cannot be used, or cannot be replaced, when
 *   another process keeps it locked, and what `plan` throws. The old file is then as it was.
 */
export async function changeKeyFile(
  path: string,
  plan: (keys: SigningKey[]) => KeyChange | Promise<KeyChange>,
  { make = false, patienceMilliseconds = 5000 }: ChangeOptions = {},
): Promise<ChangedKeys> {
  if ((await readKeyText(path)) === null) {
    if (!make)
      throw new KeyRingError(
        `There is no key file ${path} yet. The first start of the server makes it, and so does: npm run keys -- rotate`,
      )
    const { add } = await plan([])
    if (await makeKeyFile(path, add))
      return { before: [], after: await parseKeys(formatKeySet({ keys: add }), path) }
  }
  try {
    // Whoever comes by another symbolic link meets the same lock.
    const file = await realpath(path)
    const lock = `${file}.lock`
    const busy = () =>
      new KeyRingError(
        `${path} is being changed by another command. If none is running, one has been killed: remove ${lock} and try again.`,
      )
    return await withLock(
      lock,
      patienceMilliseconds,
      busy,
      async () => await change(path, file, plan),
    )
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === undefined
      ? error
      : new KeyRingError(`${path} cannot be changed (${code}). It is as it was.`)
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
    // A file that changes hands is one that the server may not read any more: an outage.
    if (uid !== old.uid || gid !== old.gid) {
      await handle.chown(old.uid, old.gid).catch(() => {
        throw new KeyRingError(
          `${path} belongs to the user with the id ${old.uid}, group ${old.gid}. Run this command as that user, so that the server can still read its keys.`,
        )
      })
    }
    await handle.chmod(old.mode & 0o777)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// So that a revoked key does not come back with a power failure. Some systems cannot, and some will
// not.
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder)
    await handle.sync().finally(async () => {
      await handle.close()
    })
  } catch {}
}
