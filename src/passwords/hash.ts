import { randomBytes } from 'node:crypto'
import argon2 from 'argon2'
import { createFiller } from './filler.js'
import { type Comparison, isWholePassword, readForeignHash, withoutPadding } from './foreign.js'

/**
 * A hash that no password matches, new each time: a constant would let an old one-time token,
 * which is bound to the hash, live again.
 */
export function unusableHash(): string {
  // 22 characters of base64url: 132 bits.
  return `!${randomBytes(17).toString('base64url').slice(0, 22)}`
}

/** Cost of one argon2id hash (RFC 9106). */
export interface HashCost {
  memoryKiB: number
  passes: number
  lanes: number
}

/** Turns passwords into PHC strings and compares them. */
export interface Hasher {
  /** Takes passwords as `normalisePassword` gives them. */
  hash: (password: string) => Promise<string>
  /**
   * Whether the password belongs to the hash. Without a hash, and with one in an unknown
   * format, the answer is false after the same work as for a wrong password, so that time does
   * not tell whether an account exists (ASVS 6.3.8). After a wrong password for a cheaper hash
   * the missing work is done too. A dearer hash takes longer.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /** Whether a hash was made at a lower cost than is set today. */
  isWeak: (hash: string) => boolean
  /**
   * Whether a password that matches a hash must be the whole one: some systems look at a part
   * only.
   */
  isWhole: (hash: string, password: string) => boolean
}

/**
 * @param onUnreadable is told when a stored hash is in no known format; nothing of the hash is
 *   passed on
 * @param now gives milliseconds that never go back
 */
export async function createHasher(
  { memoryKiB, passes, lanes }: HashCost,
  onUnreadable?: () => void,
  now = () => performance.now(),
): Promise<Hasher> {
  // Salt 128 bit, tag 256 bit: RFC 9106 §4. The library draws the salt, 16 bytes.
  const options = {
    type: argon2.argon2id,
    memoryCost: memoryKiB,
    timeCost: passes,
    parallelism: lanes,
    hashLength: 32,
  } as const
  const hash = async (password: string) => await argon2.hash(password, options)
  const todays = `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$`
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
        if (stored !== null && !stored.startsWith('!')) onUnreadable?.()
        await argon2.verify(dummy, password)
      }
      if (compare === null || stored?.startsWith(todays)) filler.learn(now() - begin)
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
 * The most that an argon2 hash of another system may cost at a login: 2 GiB is the first choice
 * of RFC 9106 §4, at one pass.
 */
const most = { memoryKiB: 2 ** 21, memoryKiBTimesPasses: 2 ** 22, lanes: 64 }

/**
 * Whether a hash that another system made can be taken over: passwords can be compared with it
 * at login, and that costs no more than a login may. argon2id, argon2i and argon2d, and what
 * {@link readForeignHash} reads.
 */
export function isReadableHash(stored: string): boolean {
  const { memory, passes, lanes } = readCost(stored)
  if (readArgon2(stored) !== null)
    return (
      memory <= most.memoryKiB &&
      memory * passes <= most.memoryKiBTimesPasses &&
      lanes <= most.lanes
    )
  return readForeignHash(stored) !== null
}

// argon2.verify throws on anything else. The least cost is that of RFC 9106 §3.1.
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
