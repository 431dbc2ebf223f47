import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible'

/** Counts calls by key, for a time that begins with the first. */
export interface Counter {
  /**
   * Rejects with the result when the points are used up. `customDuration`, in seconds, is that
   * of a key that is not there yet.
   */
  consume: (
    key: string,
    points?: number,
    options?: { customDuration?: number },
  ) => Promise<RateLimiterRes>
  /** Takes one point back. */
  reward: (key: string) => Promise<RateLimiterRes>
  delete: (key: string) => Promise<boolean>
}

/** Where counts are kept. */
export interface Counters {
  open: (name: string, limit: { points: number; duration: number }) => Counter
}

/**
 * The most keys that one counter keeps in memory, some 530 bytes each. Beyond it the oldest is
 * forgotten.
 */
const mostKeys = 100_000

/**
 * Counts in Redis, shared by all that use it; in this process without it, and for as long as it
 * is away.
 *
 * @param most see {@link mostKeys}
 */
export function createCounters(redis: Redis | undefined, most = mostKeys): Counters {
  return {
    open: (name, limit) => {
      const memory = new BoundedMemory(limit, most)
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

/** Whoever makes up addresses could otherwise fill the memory, at the speed of hashing. */
class BoundedMemory extends RateLimiterMemory {
  readonly #keys = new Set<string>()
  // One iterator for good: a new one would have to step over all that was taken from the beginning
  // of the set.
  readonly #oldest = this.#keys.values()
  readonly #most: number

  constructor(limit: { points: number; duration: number }, most: number) {
    super(limit)
    this.#most = most
  }

  override async consume(key: string, points?: number, options?: object): Promise<RateLimiterRes> {
    this.#keys.add(key)
    if (this.#keys.size > this.#most) await this.delete(this.#oldest.next().value as string)
    return await super.consume(key, points, options)
  }

  override async delete(key: string): Promise<boolean> {
    this.#keys.delete(key)
    return await super.delete(key)
  }
}
