import { randomBytes } from 'node:crypto'

/**
 * Creates a hash that no password matches, new each time. One-time tokens are bound to the
 * hash: a constant would make an old token valid again.
 */
export function unusableHash(): string {
  // 22 characters of base64url: 132 bits.
  return `!${randomBytes(17).toString('base64url').slice(0, 22)}`
}

/** Returns whether a hash is one that no password matches. */
export function isUnusableHash(hash: string): boolean {
  return hash.startsWith('!')
}
