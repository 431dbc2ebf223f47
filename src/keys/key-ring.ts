import type { Clock } from '../clock.js'
import type { PublicJwk, SigningKey } from './signing-key.js'

/** How far the clocks of issuer and verifier may be apart, in seconds, both ways. */
export const leewaySeconds = 30

/**
 * The keys of this API. Which one signs, and until when one verifies, follows from their
 * creation times alone, so that replicas agree without talking.
 */
export interface KeyRing {
  /** The key that signs now: the newest that has been published long enough. */
  signingKey: () => SigningKey
  /** The key that was made first, whether it still verifies or not: it outlasts rotations. */
  oldestKey: () => SigningKey
  /** The key of a `kid`, for verification, unless no token of it can be alive. */
  find: (kid: string) => SigningKey | undefined
  /** The public keys that verify, as a JWK Set (RFC 7517 §5), newest first. */
  jwks: () => { keys: PublicJwk[] }
  /**
   * How long a verifier may keep the published keys, in seconds: a new key is in every cache
   * before it signs.
   */
  cacheSeconds: number
  /**
   * Puts other keys in place of all.
   *
   * @param keys at least one
   */
  replace: (keys: SigningKey[]) => void
}

/** What the times of keys follow from. */
export interface KeyTimes {
  /** How long a key is only published before it signs. */
  publishSeconds: number
  /** The longest life of any token. */
  longestTokenSeconds: number
}

/**
 * The times of one key, in seconds since 1970; Infinity for what no newer key has set an end
 * to.
 */
export interface KeyLife {
  key: SigningKey
  signsFrom: number
  signsUntil: number
  verifiesUntil: number
}

/**
 * The lives of keys, newest first. A key signs until a newer one does, and verifies until the
 * last of its tokens has ended.
 */
export function keyLives(
  keys: SigningKey[],
  { publishSeconds, longestTokenSeconds }: KeyTimes,
): KeyLife[] {
  const newestFirst = [...keys].sort(
    (a, b) => b.createdAt - a.createdAt || (a.kid < b.kid ? -1 : 1),
  )
  let signsUntil = Infinity
  return newestFirst.map((key) => {
    const signsFrom = key.signsFrom ?? key.createdAt + publishSeconds
    // Once the leeway for the clock of a replica that signs, once for that of one that verifies.
    const life = {
      key,
      signsFrom,
      signsUntil,
      verifiesUntil: signsUntil + longestTokenSeconds + 2 * leewaySeconds,
    }
    // A key that does not say when it was made cannot say when another one's time was over.
    // And whatever the file says, no key has signed before it was made.
    if (key.createdAt > 0) signsUntil = Math.min(signsUntil, Math.max(signsFrom, key.createdAt))
    return life
  })
}

/**
 * Of lives, newest first, the one that signs.
 *
 * @param now in seconds since 1970
 */
export function signingLife(lives: KeyLife[], now: number): KeyLife {
  // A ring whose keys are all new has nothing older to go on with: its oldest signs.
  return (lives.find(({ signsFrom }) => signsFrom <= now) ?? lives.at(-1)) as KeyLife
}

/** The longest time that published keys may be kept, in seconds. */
const longestCacheSeconds = 600

/** @param keys at least one */
export function createKeyRing(
  keys: SigningKey[],
  { clock, ...times }: KeyTimes & { clock: Clock },
): KeyRing {
  let lives: KeyLife[] = []
  let byKid = new Map<string, KeyLife>()
  const now = () => clock() / 1000
  const ring: KeyRing = {
    // Half of the wait: the other half is for caches that are filled just before a server picks the
    // new key up.
    cacheSeconds: Math.min(longestCacheSeconds, Math.floor(times.publishSeconds / 2)),
    signingKey: () => signingLife(lives, now()).key,
    oldestKey: () => (lives.at(-1) as KeyLife).key,
    find: (kid) => {
      const life = byKid.get(kid)
      return life !== undefined && now() < life.verifiesUntil ? life.key : undefined
    },
    jwks: () => ({
      keys: lives
        .filter(({ verifiesUntil }) => now() < verifiesUntil)
        .map(({ key }) => key.publicJwk),
    }),
    replace: (keys) => {
      lives = keyLives(keys, times)
      byKid = new Map(lives.map((life) => [life.key.kid, life]))
    },
  }
  ring.replace(keys)
  return ring
}
