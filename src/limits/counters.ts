import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible'

/** Counts calls by key, in a window that begins with the first call. */
export interface Counter {
  /**
   * Counts a call. Rejects with the result if the points are used up.
   *
   * @param options `customDuration`, in seconds, applies to a new key
   */
  consume: (
    key: string,
    points?: number,
    options?: { customDuration?: number },
  ) => Promise<RateLimiterRes>
  /** Returns the count of a key; null if there is none. */
  get: (key: string) => Promise<RateLimiterRes | null>
  /** Gives one point back. */
  reward: (key: string) => Promise<RateLimiterRes>
  delete: (key: string) => Promise<boolean>
}

/** The store of the counts. */
export interface Counters {
  open: (name: string, limit: { points: number; duration: number }) => Counter
}

/**
 * The max keys that one counter keeps in memory, some 530 bytes each. Beyond it the oldest key
 * is dropped.
 */
const defaultMaxKeys = 100_000

/**
 * Creates counters in Redis, which processes share. Counts in this process if Redis is not
 * configured, or while it cannot be reached.
 *
 * @param maxKeys see {@link defaultMaxKeys}
 */
export function createCounters(redis: Redis | undefined, maxKeys = defaultMaxKeys): Counters {
  return {
    open: (name, limit) => {
      const memory = new BoundedMemory(limit, maxKeys)
      if (redis === undefined) return memory
      return new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: `latchkey:${name}`,
        ...limit,
        rejectIfRedisNotReady: true,
        insuranceLimiter: memory,
      })
    },
  }
}

/**
 * Counts in memory, up to a max number of keys. Otherwise an attacker with made-up addresses
 * could fill the memory.
 */
class BoundedMemory extends RateLimiterMemory {
  readonly #keys = new Set<string>()
  // Keep one iterator: a new one would step over everything that was removed from the start of the
  // set.
  readonly #oldest = this.#keys.values()
  readonly #maxKeys: number

  constructor(limit: { points: number; duration: number }, maxKeys: number) {
    super(limit)
    this.#maxKeys = maxKeys
  }

  override async consume(key: string, points?: number, options?: object): Promise<RateLimiterRes> {
    this.#keys.add(key)
    if (this.#keys.size > this.#maxKeys) await this.delete(this.#oldest.next().value as string)
    return await super.consume(key, points, options)
  }

  override async delete(key: string): Promise<boolean> {
    this.#keys.delete(key)
    return await super.delete(key)
  }
}
