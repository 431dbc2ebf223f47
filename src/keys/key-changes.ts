import { type KeyLife, keyLives, type KeyTimes, signingLife } from './key-ring.js'
import { type Algorithm, generateKey, KeyRingError, type SigningKey } from './signing-key.js'

/**
 * What a key does now: it is only published and will sign, it signs, tokens of it may still be
 * alive, or nothing of it can be alive.
 */
export type KeyState = 'waits' | 'signs' | 'verifies' | 'over'

/**
 * A change of the keys of a file: the kids of those that leave it, and new private JWKs that
 * come to it.
 */
export interface KeyChange {
  remove: string[]
  add: Array<Record<string, unknown>>
}

/**
 * When a change is made: `now` in whole seconds since 1970, and what the times of keys follow
 * from.
 */
export interface ChangeTimes {
  now: number
  times: KeyTimes
}

/** What each key does at a time, newest first. */
export function keyStates(
  keys: SigningKey[],
  { now, times }: ChangeTimes,
): Array<KeyLife & { state: KeyState }> {
  const lives = keyLives(keys, times)
  const signing = signingLife(lives, now)
  return lives.map((life, index) => {
    if (life === signing) return { ...life, state: 'signs' }
    if (now >= life.verifiesUntil) return { ...life, state: 'over' }
    // A key whose turn would come after that of a newer one never signs.
    return {
      ...life,
      state:
        index < lives.indexOf(signing) && life.signsFrom < life.signsUntil ? 'waits' : 'verifies',
    }
  })
}

/**
 * A new key, newer than every other, which signs in its turn.
 *
 * @param keys may be none
 * @param alg by default that of the key that signs now, or ES256
 * @param atOnce whether it signs now, before everyone has fetched it
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
  const usual = keys.length === 0 ? 'ES256' : signingLife(keyLives(keys, times), now).key.alg
  return { remove: [], add: [await newestKey(keys, alg ?? usual, now, atOnce)] }
}

/**
 * Takes a key out. Where keys whose time was over would come to life without it, they go too.
 * Where none is left, a new key of the same algorithm that signs at once comes in.
 *
 * @throws KeyRingError for a kid that is not there
 */
export async function planRevocation(
  keys: SigningKey[],
  kid: string,
  { now, times }: ChangeTimes,
): Promise<KeyChange> {
  const revoked = keys.find((key) => key.kid === kid)
  if (revoked === undefined)
    throw new KeyRingError(
      `There is no key "${kid}". See those that are there with: npm run keys -- list`,
    )
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

/** Takes out the keys of which no token can be alive, if there are any. */
export function planPruning(keys: SigningKey[], when: ChangeTimes): KeyChange {
  return {
    remove: keyStates(keys, when)
      .filter(({ state }) => state === 'over')
      .map(({ key }) => key.kid),
    add: [],
  }
}

// Two keys of one second would be told apart by their names alone.
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
