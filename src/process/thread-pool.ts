/**
 * Enlarges the thread pool of libuv, so that hashes leave threads for files and DNS lookups.
 * Node.js reads the size from the environment at the first use of the pool; Node.js 20 does so
 * before this program runs.
 *
 * @param hashes the number of hashes at once
 * @returns the required size if it is too late to set it, otherwise null
 */
export function widenThreadPool(
  hashes: number,
  env: Record<string, string | undefined>,
  version = process.versions.node,
): number | null {
  if (env.UV_THREADPOOL_SIZE !== undefined || hashes < 4) return null
  const threads = hashes + 2
  env.UV_THREADPOOL_SIZE = String(threads)
  return version.startsWith('20.') ? threads : null
}
