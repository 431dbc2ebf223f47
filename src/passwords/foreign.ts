import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'

/** Compares a password, as it was typed, with the hash that it was read from. */
export type Comparison = (password: string) => Promise<boolean>

const derive = {
  pbkdf2: promisify(pbkdf2),
  scrypt: promisify<string, Buffer, number, object, Buffer>(scrypt),
}

/**
 * The most that comparing one hash may cost: beyond it a hash counts as unreadable, or a single
 * login could occupy the server.
 */
const most = {
  bcryptRounds: 16,
  scryptBytes: 256 * 1024 * 1024,
  scryptBytesTimesLanes: 512 * 1024 * 1024,
  scryptLanes: 16,
  pbkdf2Rounds: 5_000_000,
}

/**
 * Bytes that bcrypt looks at. A password of exactly as many can be the beginning of a longer
 * one.
 */
const bcryptBytes = 72

/**
 * Bytes of the digests of PBKDF2; each begun one of the key takes all iterations (RFC 8018
 * §5.2).
 */
const digestBytes: Record<string, number> = { sha1: 20, sha256: 32, sha512: 64 }

/**
 * How a hash that another system made is compared: bcrypt (`$2a$`, `$2b$`, `$2y$`), scrypt and
 * PBKDF2 in PHC form, also in the spelling of passlib. Base64 can be padded to a multiple of
 * four. Null for every other text, and for a hash that would cost too much.
 */
export function readForeignHash(stored: string): Comparison | null {
  return readBcrypt(stored) ?? readScrypt(stored) ?? readPbkdf2(stored)
}

/**
 * Whether a text that matches a hash of another system must be the whole password. bcrypt drops
 * what follows 72 bytes and repeats a shorter password with a NUL between. HMAC, in PBKDF2 and
 * scrypt, ignores NULs at the end. argon2 keeps every byte.
 */
export function isWholePassword(stored: string, text: string): boolean {
  if (readForeignHash(stored) === null) return true
  return (
    !text.includes('\0') && !(stored.startsWith('$2') && Buffer.byteLength(text) >= bcryptBytes)
  )
}

/**
 * Base64 without its padding; null where the padding does not fill up to a multiple of four
 * characters.
 */
export function withoutPadding(text: string): string | null {
  return text.endsWith('=') && text.length % 4 !== 0 ? null : text.replace(/=+$/, '')
}

function readBcrypt(stored: string): Comparison | null {
  const [, rounds, rest] = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{53})$/.exec(stored) ?? []
  if (rounds === undefined || Number(rounds) < 4 || Number(rounds) > most.bcryptRounds) return null
  // $2y$ is what PHP calls $2b$.
  return async (password) => await bcrypt.compare(password, `$2b$${rounds}$${rest}`)
}

function readScrypt(stored: string): Comparison | null {
  const [, log, r, p, salt, tag] =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]*={0,2})\$([A-Za-z0-9+/]{16,}={0,2})$/.exec(
      stored,
    ) ?? []
  const [cost, blockSize, parallelization] = [2 ** Number(log), Number(r), Number(p)]
  const bytes = 128 * cost * blockSize
  if (
    salt === undefined ||
    tag === undefined ||
    cost < 2 ||
    blockSize < 1 ||
    parallelization < 1 ||
    parallelization > most.scryptLanes ||
    bytes > most.scryptBytes ||
    bytes * parallelization > most.scryptBytesTimesLanes
  )
    return null
  const [saltBytes, expected] = [fromBase64(salt), fromBase64(tag)]
  if (saltBytes === null || expected === null) return null
  return async (password) =>
    timingSafeEqual(
      await derive.scrypt(password, saltBytes, expected.length, {
        cost,
        blockSize,
        parallelization,
        maxmem: 2 * bytes + 1024 * blockSize * parallelization,
      }),
      expected,
    )
}

function readPbkdf2(stored: string): Comparison | null {
  const [, digest = 'sha1', iterations = '0', salt, tag] =
    /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,8})(?:,l=\d{1,3})?\$([A-Za-z0-9+/.]*={0,2})\$([A-Za-z0-9+/.]{16,}={0,2})$/.exec(
      stored,
    ) ?? []
  if (salt === undefined || tag === undefined || Number(iterations) < 1) return null
  const [bytes, expected] = [fromBase64(salt), fromBase64(tag)]
  if (bytes === null || expected === null) return null
  if (
    Number(iterations) * Math.ceil(expected.length / Number(digestBytes[digest])) >
    most.pbkdf2Rounds
  )
    return null
  return async (password) =>
    timingSafeEqual(
      await derive.pbkdf2(password, bytes, Number(iterations), expected.length, digest),
      expected,
    )
}

// passlib writes a dot for the plus.
function fromBase64(text: string): Buffer | null {
  const plain = withoutPadding(text)
  return plain === null ? null : Buffer.from(plain.replaceAll('.', '+'), 'base64')
}
