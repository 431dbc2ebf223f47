import { createHmac } from 'node:crypto'
import type { RateLimiterRes } from 'rate-limiter-flexible'
import { Problem, type ReachedLimit } from '../errors.js'
import { deriveKey } from '../keys/derived-key.js'
import type { KeyRing } from '../keys/key-ring.js'
import type { Counters } from './counters.js'
import { type Backoff, type LimitName, limits, type Quota } from './table.js'

/** One call that was counted. */
export interface Counted {
  /** Takes the call back. */
  undo: () => Promise<void>
}

/** One limit. */
export interface Limiter {
  /**
   * Counts a call for a network, an address or a device. Throws Problem `rate_limited`, and
   * then nothing is counted.
   */
  take: (whose: string) => Promise<Counted>
}

/** One limit with waits. */
export interface BackoffLimiter extends Limiter {
  /** Starts anew. */
  clear: (whose: string) => Promise<void>
}

/** Every limit of the table. */
export type Limiters = {
  [Name in LimitName]: (typeof limits)[Name] extends Backoff ? BackoffLimiter : Limiter
}

/** What {@link createLimiters} needs. */
export interface LimitersDeps {
  counters: Counters
  ring: KeyRing
}

/**
 * Addresses are counted by an HMAC, so that neither memory nor Redis holds any. Its secret
 * comes from the oldest key of the ring: replicas agree, a restart or a rotation changes
 * nothing, and when that key is removed the counts start anew.
 */
export function createLimiters({ counters, ring }: LimitersDeps): Limiters {
  let secret: { kid: string; bytes: Uint8Array } | undefined
  const secretOf = () => {
    const key = ring.oldestKey()
    if (secret?.kid !== key.kid) secret = { kid: key.kid, bytes: deriveKey(key, 'rate limits') }
    return secret.bytes
  }
  const entries = Object.entries(limits).map(([name, limit]) => {
    // 128 bits are enough that no two meet.
    const keyOf = (whose: string) =>
      createHmac('sha256', secretOf())
        .update(`${name}\n${whose}`)
        .digest()
        .toString('base64url', 0, 16)
    return [
      name,
      'calls' in limit
        ? createQuota(name, limit, counters, keyOf)
        : createBackoff(name, limit, counters, keyOf),
    ]
  })
  return Object.fromEntries(entries) as Limiters
}

type KeyOf = (whose: string) => string

function createQuota(
  name: string,
  { calls, seconds }: Quota,
  counters: Counters,
  keyOf: KeyOf,
): Limiter {
  const counter = counters.open(name, { points: calls, duration: seconds })
  return {
    take: async (whose) => {
      const key = keyOf(whose)
      const undo = async () => {
        await giveBack(counter, key)
      }
      await counter.consume(key).catch(async ({ msBeforeNext }: RateLimiterRes) => {
        await undo()
        throw refusal(msBeforeNext, { name, calls, seconds })
      })
      return { undo }
    },
  }
}

function createBackoff(
  name: string,
  { free, firstWait, longestWait, seconds }: Backoff,
  counters: Counters,
  keyOf: KeyOf,
): BackoffLimiter {
  const counter = counters.open(name, { points: Number.MAX_SAFE_INTEGER, duration: seconds })
  // One call opens it, and closes it behind itself for the wait.
  const gate = counters.open(`${name}-wait`, { points: 1, duration: longestWait })
  const clear = async (whose: string) => {
    await Promise.all([counter.delete(keyOf(whose)), gate.delete(keyOf(whose))])
  }
  return {
    take: async (whose) => {
      const key = keyOf(whose)
      // Counted first, then looked at: of a thousand guesses at once, no more than the limit get
      // through.
      const { consumedPoints } = await counter.consume(key)
      const wait = Math.min(firstWait * 2 ** (consumedPoints - free - 1), longestWait)
      const end = Date.now() + wait * 1000
      if (consumedPoints > free) {
        await gate
          .consume(key, 1, { customDuration: wait })
          .catch(async ({ msBeforeNext }: RateLimiterRes) => {
            await giveBack(counter, key)
            throw refusal(msBeforeNext, { name, calls: free, seconds })
          })
      }
      return {
        undo: async () => {
          await giveBack(counter, key)
          // Later the gate is somebody else's, who waits at it.
          if (consumedPoints > free && Date.now() < end) await gate.delete(key)
        },
      }
    },
    clear,
  }
}

// Where the time of the counter ended meanwhile, there is nothing to give back: less than zero
// would be more calls for the next.
async function giveBack(counter: ReturnType<Counters['open']>, key: string): Promise<void> {
  const { consumedPoints } = await counter.reward(key)
  if (consumedPoints <= 0) await counter.delete(key)
}

function refusal(milliseconds: number, limit: ReachedLimit): Problem {
  return new Problem('rate_limited', {
    waitSeconds: Math.max(1, Math.ceil(milliseconds / 1000)),
    limit,
  })
}
