import { type KeyLife, keyLives, type KeyTimes, signingLife } from './key-ring.js'
import { type Algorithm, generateKey, KeyRingError, type SigningKey } from './signing-key.js'

/**
 * The state of a key. It `waits` while it is published but does not sign yet. It `verifies`
 * while its tokens may be valid. It is `over` once all its tokens have expired.
 */
export type KeyState = 'waits' | 'signs' | 'verifies' | 'over'

/** A change of the keys of a file: the kids to remove, and the private JWKs to add. */
export interface KeyChange {
  remove: string[]
  add: Array<Record<string, unknown>>
}

/**
 * The time of a change, in whole seconds since 1970, and the settings that the times of keys
 * depend on.
 */
export interface ChangeTimes {
  now: number
  times: KeyTimes
}

/** Returns the state of each key at a time, newest key first. */
export function keyStates(
  keys: SigningKey[],
  { now, times }: ChangeTimes,
): Array<KeyLife & { state: KeyState }> {
  const lives = keyLives(keys, times)
  const signing = signingLife(lives, now)
  return lives.map((life, index) => {
    if (life === signing) return { ...life, state: 'signs' }
    if (now >= life.verifiesUntil) return { ...life, state: 'over' }
    // A key that would start to sign after a newer one never signs.
    return {
      ...life,
      state:
        index < lives.indexOf(signing) && life.signsFrom < life.signsUntil ? 'waits' : 'verifies',
    }
  })
}

/**
 * Plans a new key that is newer than every other.
 *
 * @param keys may be empty
 * @param alg by default that of the key that signs now, or ES256
 * @param atOnce whether it signs at once, before all verifiers have fetched it
 */
export async function planRotation(
  keys: SigningKey[],
  {
    now,
    times,
    alg,
    atOnce = false,
  }: ChangeTimes & { alg?: Algorithm | undefined; atOnce?: boolean },
): Promise<KeyChange> {
  const defaultAlg = keys.length === 0 ? 'ES256' : signingLife(keyLives(keys, times), now).key.alg
  return { remove: [], add: [await newestKey(keys, alg ?? defaultAlg, now, atOnce)] }
}

/**
 * Plans to remove a key. If that would revive keys that are over, it removes them too. If no
 * key is left, it adds a key of the same algorithm that signs at once.
 *
 * @throws KeyRingError for an unknown kid
 */
export async function planRevocation(
  keys: SigningKey[],
  kid: string,
  { now, times }: ChangeTimes,
): Promise<KeyChange> {
  const revoked = keys.find((key) => key.kid === kid)
  if (revoked === undefined)
    throw new KeyRingError(`There is no key "${kid}". List the keys with: npm run keys -- list`)
  const over = planPruning(keys, { now, times }).remove
  const others = keys.filter((key) => key !== revoked)
  const revive = keyStates(others, { now, times }).some(
    ({ key, state }) => state !== 'over' && over.includes(key.kid),
  )
  const remove = [...new Set([kid, ...(revive ? over : [])])]
  return {
    remove,
    add: remove.length < keys.length ? [] : [await newestKey(keys, revoked.alg, now, true)],
  }
}

/** Plans to remove the keys whose tokens have all expired. */
export function planPruning(keys: SigningKey[], when: ChangeTimes): KeyChange {
  return {
    remove: keyStates(keys, when)
      .filter(({ state }) => state === 'over')
      .map(({ key }) => key.kid),
    add: [],
  }
}

// Keys of the same second would be ordered by their kids alone.
async function newestKey(
  keys: SigningKey[],
  alg: Algorithm,
  now: number,
  atOnce: boolean,
): Promise<Record<string, unknown>> {
  return await generateKey(Math.max(now, ...keys.map(({ createdAt }) => createdAt + 1)), {
    alg,
    ...(atOnce && { signsFrom: now }),
  })
}
