import type { Clock } from '../clock.js'
import type { PublicJwk, SigningKey } from './keys.js'

/** The keys of this API. Which one signs follows from their creation times alone, so that replicas agree without talking. */
export interface KeyRing {
  /** The key that signs now: the newest that has been published long enough. */
  signingKey: () => SigningKey
  /** The key of a `kid`, for verification. */
  find: (kid: string) => SigningKey | undefined
  /** The public keys, as a JWK Set (RFC 7517 §5). */
  jwks: () => { keys: PublicJwk[] }
}

/**
 * @param keys at least one
 * @param publishSeconds how long a key is only published before it signs
 */
export function createKeyRing (keys: SigningKey[], { publishSeconds, clock }: { publishSeconds: number, clock: Clock }): KeyRing {
  const byKid = new Map(keys.map((key) => [key.kid, key]))
  const newestFirst = [...keys].sort((a, b) => b.createdAt - a.createdAt || (a.kid < b.kid ? -1 : 1))
  return {
    signingKey: () => {
      const publishedBefore = clock() / 1000 - publishSeconds
      // A ring whose keys are all new has nothing older to go on with: its oldest signs.
      return (newestFirst.find(({ createdAt }) => createdAt <= publishedBefore) ?? newestFirst.at(-1)) as SigningKey
    },
    find: (kid) => byKid.get(kid),
    jwks: () => ({ keys: newestFirst.map(({ publicJwk }) => publicJwk) })
  }
}
