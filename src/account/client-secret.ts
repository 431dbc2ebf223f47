import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Creates the secret of a machine client: 256 random bits. It is shown once. */
export function createClientSecret(): string {
  return `lk_${randomBytes(32).toString('base64url')}`
}

/**
 * Returns the hash of a secret, as it is stored. The secret cannot be guessed, so a fast hash
 * is enough.
 */
export function hashClientSecret(secret: string): string {
  return digest(secret).toString('base64url')
}

/** Returns whether a secret has one of some stored hashes. Compares with each, in constant time. */
export function matchesSecret(secret: string, hashes: ReadonlyArray<string | null>): boolean {
  const given = digest(secret)
  return hashes
    .map((hash) => {
      const stored = Buffer.from(hash ?? '', 'base64url')
      // A hash that was edited by hand, or is absent: compare all the same.
      const [isHash, known] = [stored.length === given.length, Buffer.alloc(given.length)]
      stored.copy(known)
      return timingSafeEqual(given, known) && isHash
    })
    .includes(true)
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
