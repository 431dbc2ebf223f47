import { pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import bcrypt from 'bcrypt'

/** Compares a password, as it was typed, with the hash that it was read from. */
export type Comparison = (password: string) => Promise<boolean>

const derive = { pbkdf2: promisify(pbkdf2), scrypt: promisify<string, Buffer, number, object, Buffer>(scrypt) }

/** The most that comparing one hash may cost: beyond it a hash counts as unreadable, or a single login could occupy the server. */
const most = { bcryptRounds: 16, scryptBytes: 256 * 1024 * 1024, scryptLanes: 16, pbkdf2Rounds: 5_000_000 }

/** Bytes of the digests of PBKDF2; each begun one of the key takes all iterations (RFC 8018 §5.2). */
const digestBytes: Record<string, number> = { sha1: 20, sha256: 32, sha512: 64 }

/**
 * How a hash that another system made is compared: bcrypt (`$2a$`, `$2b$`, `$2y$`), scrypt and PBKDF2 in PHC form, also in the spelling of passlib.
 * Null for every other text, and for a hash that would cost too much.
 */
export function readForeignHash (stored: string): Comparison | null {
  return readBcrypt(stored) ?? readScrypt(stored) ?? readPbkdf2(stored)
}

function readBcrypt (stored: string): Comparison | null {
  const [, rounds, rest] = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{53})$/.exec(stored) ?? []
  if (rounds === undefined || Number(rounds) < 4 || Number(rounds) > most.bcryptRounds) return null
  // $2y$ is what PHP calls $2b$.
  return async (password) => await bcrypt.compare(password, `$2b$${rounds}$${rest}`)
}

function readScrypt (stored: string): Comparison | null {
  const [, log, r, p, salt, tag] = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]*)\$([A-Za-z0-9+/]{16,})$/.exec(stored) ?? []
  const [cost, blockSize, parallelization] = [2 ** Number(log), Number(r), Number(p)]
  const bytes = 128 * cost * blockSize
  if (salt === undefined || tag === undefined || cost < 2 || blockSize < 1 || parallelization < 1 || parallelization > most.scryptLanes || bytes > most.scryptBytes) return null
  const expected = Buffer.from(tag, 'base64')
  return async (password) => timingSafeEqual(await derive.scrypt(password, Buffer.from(salt, 'base64'), expected.length, { cost, blockSize, parallelization, maxmem: 2 * bytes + 1024 * blockSize * parallelization }), expected)
}

function readPbkdf2 (stored: string): Comparison | null {
  const [, digest = 'sha1', iterations = '0', salt, tag] = /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,8})(?:,l=\d{1,3})?\$([A-Za-z0-9+/.]*)\$([A-Za-z0-9+/.]{16,})$/.exec(stored) ?? []
  if (salt === undefined || tag === undefined || Number(iterations) < 1) return null
  const [bytes, expected] = [fromBase64(salt), fromBase64(tag)]
  if (Number(iterations) * Math.ceil(expected.length / Number(digestBytes[digest])) > most.pbkdf2Rounds) return null
  return async (password) => timingSafeEqual(await derive.pbkdf2(password, bytes, Number(iterations), expected.length, digest), expected)
}

// passlib writes a dot for the plus.
function fromBase64 (text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64')
}
