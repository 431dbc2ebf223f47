import { unwatchFile, watchFile } from 'node:fs'
import { readKeyFile } from './key-file.js'
import type { SigningKey } from './signing-key.js'

/** Watches a key file until it is stopped. */
export interface KeyWatch {
  /** Reads the file now. Resolves after the callbacks were called, and never rejects. */
  reload: () => Promise<void>
  /** Stops all callbacks. */
  stop: () => void
}

/** Callbacks and interval of {@link watchKeyFile}. */
export interface KeyWatchOptions {
  /** Called with keys that differ from the previous ones. */
  changed: (keys: SigningKey[]) => void
  /** Called if the file cannot be used, mostly with a KeyRingError. Keep the previous keys. */
  failed: (error: unknown) => void
  intervalMilliseconds?: number
}

/**
 * Watches a key file by polling it each second. Polling works where file events do not: on
 * network drives, and through the symbolic links of mounted secrets. Never creates or writes
 * the file. Does not keep the process running.
 *
 * @param current the keys that are in use
 */
export function watchKeyFile(
  path: string,
  current: SigningKey[],
  { changed, failed, intervalMilliseconds = 1000 }: KeyWatchOptions,
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
      // After a damaged file, report the next valid one even if its keys are the same.
      known = ''
      if (!stopped) failed(error)
    }
  }
  // One after the other, so that the last read decides.
  const reload = async () => await (last = last.then(read))
  // The watch reports only changes after its first poll. The current keys were read before that.
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

// A kid identifies the whole key.
function identity(keys: SigningKey[]): string {
  return JSON.stringify(keys.map(({ kid, createdAt, signsFrom }) => [kid, createdAt, signsFrom]))
}
