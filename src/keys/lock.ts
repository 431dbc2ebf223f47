import { closeSync, openSync, rmSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** The signals that would end the process and leave the lock behind. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The wait before the next attempt to lock, in milliseconds. */
const retryMilliseconds = 20

/**
 * Runs short work while this process holds a lock file that no other process can create. Always
 * removes the file. Signals that arrive meanwhile are dropped.
 *
 * @param timeoutMilliseconds the max wait for the lock of another process
 * @param onBusy creates the error for a lock that stays taken
 * @throws the error of `onBusy`, of the file system, or of `work`
 */
export async function withLock<T>(
  lock: string,
  timeoutMilliseconds: number,
  onBusy: () => Error,
  work: () => Promise<T>,
): Promise<T> {
  const end = performance.now() + timeoutMilliseconds
  while (!acquire(lock)) {
    if (performance.now() >= end) throw onBusy()
    await wait(retryMilliseconds)
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
    restoreSignals()
  }
}

function acquire(lock: string): boolean {
  for (const signal of signals) process.on(signal, ignore)
  try {
    closeSync(openSync(lock, 'wx', 0o600))
    return true
  } catch (error) {
    restoreSignals()
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function restoreSignals(): void {
  for (const signal of signals) process.off(signal, ignore)
}

function ignore(): void {}
