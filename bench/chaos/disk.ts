import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs a function with a folder of limited size. Only root on Linux can create it; otherwise it
 * runs the alternative.
 */
export async function onSmallDisk(
  mebibytes: number,
  use: (folder: string) => Promise<void>,
  otherwise: () => void,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    otherwise()
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-small-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=755`, 'tmpfs', folder])
  try {
    await use(folder)
  } finally {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true })
  }
}

/** Fills a file system to the last byte. Returns a function that frees it. */
export function fill(folder: string): () => Promise<void> {
  const filler = join(folder, 'filler')
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
  if (statSync(filler).size < 1 << 20) throw new Error('nothing was filled')
  return async () => {
    rmSync(filler)
  }
}
