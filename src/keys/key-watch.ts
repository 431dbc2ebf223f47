import { unwatchFile, watchFile } from 'node:fs'
import { readKeyFile } from './key-file.js'
import type { SigningKey } from './signing-key.js'

/** Follows a key file until it is stopped. */
export interface KeyWatch {
  /** Reads the file now; done when what was read has been told. Never rejects. */
  reload: () => Promise<void>
  /** After this nothing is told any more. */
  stop: () => void
}

/**
 * Who is told of what: `changed` of other keys than before, `failed` of a file that cannot be
 * used, mostly a KeyRingError; the keys of before then go on.
 */
export interface KeyWatchDeps {
  changed: (keys: SigningKey[]) => void
  failed: (error: unknown) => void
  intervalMilliseconds?: number
}

/**
 * Follows a key file by looking at it each second, which works where file systems tell nothing:
 * on network drives, and through the symbolic links of mounted secrets. The file is never made
 * or written. The process may end while it is followed.
 *
 * @param current the keys that are in use
 */
export function watchKeyFile(
  path: string,
  current: SigningKey[],
  { changed, failed, intervalMilliseconds = 1000 }: KeyWatchDeps,
): KeyWatch {
  let known = identity(current)
  let stopped = false
  let last = Promise.resolve()
  const read = async () => {
    try {
      const keys = await readKeyFile(path)
      if (stopped || identity(keys) === known) return
      known = identity(keys)
      changed(keys)
    } catch (error) {
      // The same keys again are news once they were damaged.
      known = ''
      if (!stopped) failed(error)
    }
  }
  // One after the other, so that what is read last is what counts.
  const reload = async () => await (last = last.then(read))
  // The watch sees what changes after its first look, and the current keys were read before that.
  const firstReload = setTimeout(() => {
    void reload()
  }, intervalMilliseconds).unref()
  const onChange = () => {
    clearTimeout(firstReload)
    void reload()
  }
  watchFile(path, { interval: intervalMilliseconds, persistent: false }, onChange)
  return {
    reload,
    stop: () => {
      stopped = true
      clearTimeout(firstReload)
      unwatchFile(path, onChange)
    },
  }
}

// A kid stands for the whole key.
function identity(keys: SigningKey[]): string {
  return JSON.stringify(keys.map(({ kid, createdAt, signsFrom }) => [kid, createdAt, signsFrom]))
}
