import argon2 from 'argon2'
import { isUnusableHash } from '../unusable-hash.js'
import { createFiller } from './filler.js'
import { type Comparison, isWholePassword, readForeignHash, withoutPadding } from './foreign.js'

/** The cost of one argon2id hash (RFC 9106). */
export interface HashCost {
  memoryKiB: number
  passes: number
  lanes: number
}

/** Hashes passwords into PHC strings, and compares passwords with hashes. */
export interface Hasher {
  /** Hashes a password that `normalisePassword` returned. */
  hash: (password: string) => Promise<string>
  /**
   * Whether the password matches the hash. Without a hash, or for an unknown format, it returns
   * false after the same work as for a wrong password. So timing does not reveal whether an
   * account exists (ASVS 6.3.8). For a wrong password and a cheaper hash, it adds the missing
   * work. A more expensive hash takes longer.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /** Whether a hash has a lower cost than the current settings. */
  isWeak: (hash: string) => boolean
  /** Whether a matching password is the whole password: some systems hash only a part of it. */
  isWhole: (hash: string, password: string) => boolean
}

/**
 * Creates a hasher for a cost, with one dummy hash.
 *
 * @param onUnreadable called if a stored hash has an unknown format; the hash is not passed
 * @param now returns milliseconds of a monotonic clock
 */
export async function createHasher(
  { memoryKiB, passes, lanes }: HashCost,
  onUnreadable?: () => void,
  now = () => performance.now(),
): Promise<Hasher> {
  // Salt 128 bit, tag 256 bit: RFC 9106 §4. The library generates the salt, 16 bytes.
  const options = {
    type: argon2.argon2id,
    memoryCost: memoryKiB,
    timeCost: passes,
    parallelism: lanes,
    hashLength: 32,
  } as const
  const hash = async (password: string) => await argon2.hash(password, options)
  const currentPrefix = `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$`
  const begin = now()
  const dummy = await hash('')
  const filler = createFiller({ memoryKiB, firstMilliseconds: now() - begin, now })
  return {
    hash,
    matches: async (password, stored) => {
      const begin = now()
      const compare = stored === null ? null : (readArgon2(stored) ?? readForeignHash(stored))
      if (compare !== null && (await compare(password))) return true
      if (compare === null) {
        if (stored !== null && !isUnusableHash(stored)) onUnreadable?.()
        await argon2.verify(dummy, password)
      }
      if (compare === null || stored?.startsWith(currentPrefix)) filler.learn(now() - begin)
      else await filler.fill(begin)
      return false
    },
    isWhole: isWholePassword,
    isWeak: (stored) => {
      const [, memory, time] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(stored) ?? []
      return memory === undefined || Number(memory) < memoryKiB || Number(time) < passes
    },
  }
}

/**
 * The max cost of an argon2 hash of another system at a login: 2 GiB with one pass is the first
 * choice of RFC 9106 §4.
 */
const maxCost = { memoryKiB: 2 ** 21, memoryKiBTimesPasses: 2 ** 22, lanes: 64 }

/**
 * Whether a hash of another system can be imported: a login can compare a password with it, at
 * an acceptable cost. It accepts argon2id, argon2i and argon2d, and the formats of
 * {@link readForeignHash}.
 */
export function isReadableHash(stored: string): boolean {
  const { memory, passes, lanes } = readCost(stored)
  if (readArgon2(stored) !== null)
    return (
      memory <= maxCost.memoryKiB &&
      memory * passes <= maxCost.memoryKiBTimesPasses &&
      lanes <= maxCost.lanes
    )
  return readForeignHash(stored) !== null
}

// argon2.verify throws on every other format. The min cost is from RFC 9106 §3.1.
function readArgon2(stored: string): Comparison | null {
  const { memory, passes, lanes } = readCost(stored)
  const parts = stored.split('$').map((part, index) => (index < 4 ? part : withoutPadding(part)))
  if (passes < 1 || lanes < 1 || memory < 8 * lanes || parts.includes(null)) return null
  return async (password) => await argon2.verify(parts.join('$'), password)
}

function readCost(stored: string): { memory: number; passes: number; lanes: number } {
  const [, memory = 0, passes = 0, lanes = 0] = (
    /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,}={0,2}\$[A-Za-z0-9+/]{16,}={0,2}$/.exec(
      stored,
    ) ?? []
  ).map(Number)
  return { memory, passes, lanes }
}
