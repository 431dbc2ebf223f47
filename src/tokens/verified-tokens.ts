/**
 * Remembers what was found out about tokens, so that a signature is checked once. Only tokens
 * that were found good may be put in.
 */
export interface VerifiedTokens<Claims> {
  /**
   * What was remembered of a token, by its exact text, which is ASCII. Whether it is still
   * valid is for the caller to see.
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
 * A bounded memory: tokens that are used stay, others go when there are many newer ones.
 *
 * @param generation how many are kept at least; never more than twice as many
 */
export function createVerifiedTokens<Claims>(generation: number): VerifiedTokens<Claims> {
  let recent = new Map<string, Verified<Claims>>()
  let older = new Map<string, Verified<Claims>>()
  const remember = (token: string, verified: Verified<Claims>) => {
    if (recent.size >= generation) [older, recent] = [recent, new Map<string, Verified<Claims>>()]
    // A copy: the text is a slice of a header, and would keep the whole of it in memory, however
    // long somebody has made it.
    recent.set(Buffer.from(token, 'latin1').toString('latin1'), verified)
  }
  return {
    remember,
    find: (token) => {
      const found = recent.get(token)
      if (found !== undefined) return found
      const once = older.get(token)
      if (once !== undefined) remember(token, once)
      return once
    },
  }
}
