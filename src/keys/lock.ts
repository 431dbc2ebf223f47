import { closeSync, openSync, rmSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** Signals that would end the process and leave the lock behind. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How long to wait before the next look at a lock that is taken, in milliseconds. */
const lookAgainMilliseconds = 20

/**
 * Does some short work while a file exists that no other process can make meanwhile. The file
 * is removed in any case; signals that come before are dropped.
 *
 * @param patienceMilliseconds how long to wait for another one's lock
 * @param onBusy makes the error for a lock that stays taken
 * @throws what `onBusy` makes, what the file system says, and what `work` throws
 */
export async function withLock<T>(
  lock: string,
  patienceMilliseconds: number,
  onBusy: () => Error,
  work: () => Promise<T>,
): Promise<T> {
  const patienceEnds = performance.now() + patienceMilliseconds
  while (!take(lock)) {
    if (performance.now() >= patienceEnds) throw onBusy()
    await wait(lookAgainMilliseconds)
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
    heedSignals()
  }
}

function take(lock: string): boolean {
  for (const signal of signals) process.on(signal, ignore)
  try {
    closeSync(openSync(lock, 'wx', 0o600))
    return true
  } catch (error) {
    heedSignals()
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function heedSignals(): void {
  for (const signal of signals) process.off(signal, ignore)
}

function ignore(): void {}
