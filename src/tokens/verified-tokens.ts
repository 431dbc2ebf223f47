/**
 * A cache of verified tokens, so that a signature is checked once. Only valid tokens may be
 * added.
 */
export interface VerifiedTokens<Claims> {
  /**
   * Returns the cached claims of a token, by its exact ASCII text. The caller must check that
   * they are still valid.
   */
  find: (token: string) => Verified<Claims> | undefined
  remember: (token: string, verified: Verified<Claims>) => void
}

/** The claims of a verified token, and the `kid` of the key that it was verified with. */
export interface Verified<Claims> {
  claims: Claims
  kid: string
}

/**
 * Creates a bounded cache. Tokens in use stay; others are dropped after many newer ones.
 *
 * @param generation the min number of tokens to keep; the max is twice as many
 */
export function createVerifiedTokens<Claims>(generation: number): VerifiedTokens<Claims> {
  let recent = new Map<string, Verified<Claims>>()
  let older = new Map<string, Verified<Claims>>()
  const remember = (token: string, verified: Verified<Claims>) => {
    if (recent.size >= generation) [older, recent] = [recent, new Map<string, Verified<Claims>>()]
    // Copy the text: it is a slice of a header, and would keep that whole header in memory.
    recent.set(Buffer.from(token, 'latin1').toString('latin1'), verified)
  }
  return {
    remember,
    find: (token) => {
      const found = recent.get(token)
      if (found !== undefined) return found
      const old = older.get(token)
      if (old !== undefined) remember(token, old)
      return old
    },
  }
}
