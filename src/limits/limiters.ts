import { createHmac } from 'node:crypto'
import type { RateLimiterRes } from 'rate-limiter-flexible'
import { Problem, type ReachedLimit } from '../errors.js'
import { deriveKey } from '../keys/derived-key.js'
import type { KeyRing } from '../keys/key-ring.js'
import type { Counters } from './counters.js'
import { type Backoff, type LimitName, limits, type Quota } from './table.js'

/** A counted call. */
export interface Counted {
  /** Removes the call from the count. */
  undo: () => Promise<void>
}

/** A limit. */
export interface Limiter {
  /**
   * Counts a call of a network, an address or a device.
   *
   * @throws Problem `rate_limited`; the call is then not counted
   */
  take: (subject: string) => Promise<Counted>
}

/** A limit of calls in a window. */
export interface QuotaLimiter extends Limiter {
  /**
   * Requires that {@link Limiter.take} would pass now. Counts nothing, so that it may be called
   * for any number of calls at once.
   *
   * @throws Problem `rate_limited`
   */
  requireRest: (subject: string) => Promise<void>
}

/** A limit with waits. */
export interface BackoffLimiter extends Limiter {
  /** Resets the count. */
  clear: (subject: string) => Promise<void>
}

/** Every limit of the table. */
export type Limiters = {
  [Name in LimitName]: (typeof limits)[Name] extends Backoff ? BackoffLimiter : QuotaLimiter
}

/** The dependencies of {@link createLimiters}. */
export interface LimitersDeps {
  counters: Counters
  ring: KeyRing
}

/**
 * Creates every limiter of the table. Subjects are stored as an HMAC, so that neither memory
 * nor Redis contains an address. The secret is derived from the oldest key of the ring:
 * replicas share it, and it survives restarts and rotations. When that key is removed, all
 * counts start from zero.
 */
export function createLimiters({ counters, ring }: LimitersDeps): Limiters {
  let secret: { kid: string; bytes: Uint8Array } | undefined
  const secretOf = () => {
    const key = ring.oldestKey()
    if (secret?.kid !== key.kid) secret = { kid: key.kid, bytes: deriveKey(key, 'rate limits') }
    return secret.bytes
  }
  const entries = Object.entries(limits).map(([name, limit]) => {
    // 128 bits make a collision practically impossible.
    const keyOf = (subject: string) =>
      createHmac('sha256', secretOf())
        .update(`${name}\n${subject}`)
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

type KeyOf = (subject: string) => string

function createQuota(
  name: string,
  { calls, seconds }: Quota,
  counters: Counters,
  keyOf: KeyOf,
): QuotaLimiter {
  const counter = counters.open(name, { points: calls, duration: seconds })
  const refuse = ({ msBeforeNext }: RateLimiterRes) =>
    refusal(msBeforeNext, { name, calls, seconds })
  return {
    requireRest: async (subject) => {
      const found = await counter.get(keyOf(subject))
      if (found !== null && found.consumedPoints >= calls) throw refuse(found)
    },
    take: async (subject) => {
      const key = keyOf(subject)
      const undo = async () => {
        await giveBack(counter, key)
      }
      await counter.consume(key).catch(async (result: RateLimiterRes) => {
        await undo()
        throw refuse(result)
      })
      return { undo }
    },
  }
}

function createBackoff(
  name: string,
  { free, firstWait, maxWait, seconds }: Backoff,
  counters: Counters,
  keyOf: KeyOf,
): BackoffLimiter {
  const counter = counters.open(name, { points: Number.MAX_SAFE_INTEGER, duration: seconds })
  // One call passes the gate and closes it for the wait.
  const gate = counters.open(`${name}-wait`, { points: 1, duration: maxWait })
  const clear = async (subject: string) => {
    await Promise.all([counter.delete(keyOf(subject)), gate.delete(keyOf(subject))])
  }
  return {
    take: async (subject) => {
      const key = keyOf(subject)
      // Count first: of a thousand guesses at once, no more than the limit pass.
      const { consumedPoints } = await counter.consume(key)
      const wait = Math.min(firstWait * 2 ** (consumedPoints - free - 1), maxWait)
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
          // Later the gate belongs to another call, which waits at it.
          if (consumedPoints > free && Date.now() < end) await gate.delete(key)
        },
      }
    },
    clear,
  }
}

// If the window has ended meanwhile, delete the count: a count below zero would allow more calls in
// the next window.
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
