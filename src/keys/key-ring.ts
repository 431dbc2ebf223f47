import type { Clock } from '../clock.js'
import type { PublicJwk, SigningKey } from './signing-key.js'

/** The max difference between the clocks of issuer and verifier, in seconds, in both directions. */
export const leewaySeconds = 30

/**
 * The keys of this API. The creation times alone decide which key signs and how long each key
 * verifies. So replicas agree without communication.
 */
export interface KeyRing {
  /** Returns the key that signs now: the newest that has been published long enough. */
  signingKey: () => SigningKey
  /** Returns the oldest key, whether or not it still verifies. It outlasts rotations. */
  oldestKey: () => SigningKey
  /** Returns the key of a `kid` for verification, unless all its tokens have expired. */
  find: (kid: string) => SigningKey | undefined
  /** Returns the public keys that verify, as a JWK Set (RFC 7517 §5), newest first. */
  jwks: () => { keys: PublicJwk[] }
  /**
   * The time that verifiers may cache the published keys, in seconds. It ends before a new key
   * signs.
   */
  cacheSeconds: number
  /**
   * Replaces all keys.
   *
   * @param keys at least one
   */
  replace: (keys: SigningKey[]) => void
}

/** The settings that the times of keys depend on. */
export interface KeyTimes {
  /** The time that a key is only published before it signs. */
  publishSeconds: number
  /** The max life of any token. */
  longestTokenSeconds: number
}

/** The times of one key, in seconds since 1970. An end is Infinity until a newer key sets it. */
export interface KeyLife {
  key: SigningKey
  signsFrom: number
  signsUntil: number
  verifiesUntil: number
}

/**
 * Returns the times of keys, newest first. A key signs until a newer key signs, and verifies
 * until its last token has expired.
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
    // One leeway for the clock of the replica that signs, one for the clock of the replica that
    // verifies.
    const life = {
      key,
      signsFrom,
      signsUntil,
      verifiesUntil: signsUntil + longestTokenSeconds + 2 * leewaySeconds,
    }
    // A key without a creation time cannot end the time of an older one. No key can have signed
    // before it was created, whatever `nbf` says.
    if (key.createdAt > 0) signsUntil = Math.min(signsUntil, Math.max(signsFrom, key.createdAt))
    return life
  })
}

/**
 * Returns the key that signs.
 *
 * @param lives newest first
 * @param now in seconds since 1970
 */
export function signingLife(lives: KeyLife[], now: number): KeyLife {
  // If all keys are new, the oldest signs.
  return (lives.find(({ signsFrom }) => signsFrom <= now) ?? lives.at(-1)) as KeyLife
}

/** The max time that published keys may be cached, in seconds. */
const maxCacheSeconds = 600

/**
 * Creates a key ring.
 *
 * @param keys at least one
 */
export function createKeyRing(
  keys: SigningKey[],
  { clock, ...times }: KeyTimes & { clock: Clock },
): KeyRing {
  let lives: KeyLife[] = []
  let byKid = new Map<string, KeyLife>()
  const now = () => clock() / 1000
  const ring: KeyRing = {
    // Half of the wait. The other half is for caches that are filled just before a replica loads
    // the new key.
    cacheSeconds: Math.min(maxCacheSeconds, Math.floor(times.publishSeconds / 2)),
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
