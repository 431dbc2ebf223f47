import { readlink } from 'node:fs/promises'
import { setPriority } from 'node:os'

/**
 * The priority of threads that hash or estimate passwords, as in nice(1): 0 where threads have
 * no priority of their own. While the cores are busy, the thread that serves requests comes
 * first, because most requests need it for less than a millisecond.
 */
export const backgroundNice = Number(process.platform === 'linux') * 10

/** The default of libuv. */
const defaultThreads = 4

/**
 * Lowers the priority of the threads of libuv's pool, which hash passwords. Linux has
 * priorities of threads (setpriority(2)); elsewhere there is no such link, and nothing
 * happens.
 *
 * @param link names the thread that reads it
 * @returns the number of threads with the lower priority
 */
export async function lowerPoolPriority(
  env: Record<string, string | undefined>,
  link = '/proc/thread-self',
): Promise<number> {
  const threads = Number(env.UV_THREADPOOL_SIZE ?? defaultThreads)
  const ids = new Set<number>()
  // Each call reads the link in a thread of the pool, and the link names that thread.
  for (let round = 0; round < 100 && ids.size < threads; round++) {
    const links = await Promise.all(
      Array.from({ length: threads * 4 }, async () => await readlink(link).catch(() => '')),
    )
    for (const one of links) if (one !== '') ids.add(Number(one.split('/').at(-1)))
  }
  for (const id of ids) setPriority(id, backgroundNice)
  return ids.size
}
