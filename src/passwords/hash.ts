import { randomBytes } from 'node:crypto'
import argon2 from 'argon2'
import { readForeignHash } from './foreign.js'

/** A hash that no password matches, new each time: a constant would let an old one-time token, which is bound to the hash, live again. */
export function unusableHash (): string {
  // 22 characters of base64url: 132 bits.
  return `!${randomBytes(17).toString('base64url').slice(0, 22)}`
}

/** Cost of one argon2id hash (RFC 9106). */
export interface HashCost { memoryKiB: number, passes: number, lanes: number }

/** Turns passwords into PHC strings and compares them. */
export interface Hasher {
  /** Takes passwords as `normalisePassword` gives them. */
  hash: (password: string) => Promise<string>
  /**
   * Whether the password belongs to the hash. Without a hash, and with one in an unknown format, the answer is false after the same work
   * as for a wrong password, so that time does not tell whether an account exists (ASVS 6.3.8). The hash of another system takes the time that it takes there.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /** Whether a hash was made at a lower cost than is set today. */
  isWeak: (hash: string) => boolean
}

/** @param onUnreadable is told when a stored hash is in no known format; nothing of the hash is passed on */
export async function createHasher ({ memoryKiB, passes, lanes }: HashCost, onUnreadable?: () => void): Promise<Hasher> {
  // Salt 128 bit, tag 256 bit: RFC 9106 §4. The library draws the salt, 16 bytes.
  const options = { type: argon2.argon2id, memoryCost: memoryKiB, timeCost: passes, parallelism: lanes, hashLength: 32 } as const
  const hash = async (password: string) => await argon2.hash(password, options)
  const dummy = await hash('')
  return {
    hash,
    matches: async (password, stored) => {
      if (stored !== null && isReadable(stored)) return await argon2.verify(stored, password)
      const compare = stored === null ? null : readForeignHash(stored)
      if (compare !== null) return await compare(password)
      if (stored !== null && !stored.startsWith('!')) onUnreadable?.()
      await argon2.verify(dummy, password)
      return false
    },
    isWeak: (stored) => {
      const [, memory, time] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/.exec(stored) ?? []
      return memory === undefined || Number(memory) < memoryKiB || Number(time) < passes
    }
  }
}

/** The most that an argon2 hash of another system may cost at a login: 2 GiB is the first choice of RFC 9106 §4, at one pass. */
const most = { memoryKiB: 2 ** 21, memoryKiBTimesPasses: 2 ** 22, lanes: 64 }

/**
 * Whether a hash that another system made can be taken over: passwords can be compared with it at login, and that costs no more than a login may.
 * argon2id, argon2i and argon2d, and what {@link readForeignHash} reads.
 */
export function isReadableHash (stored: string): boolean {
  const { memory, passes, lanes } = readCost(stored)
  if (isReadable(stored)) return memory <= most.memoryKiB && memory * passes <= most.memoryKiBTimesPasses && lanes <= most.lanes
  return readForeignHash(stored) !== null
}

// argon2.verify throws on anything else. The least cost is that of RFC 9106 §3.1.
function isReadable (stored: string): boolean {
  const { memory, passes, lanes } = readCost(stored)
  return passes >= 1 && lanes >= 1 && memory >= 8 * lanes
}

function readCost (stored: string): { memory: number, passes: number, lanes: number } {
  const [, memory = 0, passes = 0, lanes = 0] = (/^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}$/.exec(stored) ?? []).map(Number)
  return { memory, passes, lanes }
}
