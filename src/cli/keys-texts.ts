import { type ChangeTimes, keyStates, type KeyState } from '../keys/key-changes.js'
import type { ChangedKeys } from '../keys/key-edit.js'
import { createKeyRing, type KeyLife } from '../keys/key-ring.js'
import type { SigningKey } from '../keys/signing-key.js'

/**
 * The keys as a table, newest first: id, algorithm, creation time and state. It contains no
 * private key.
 *
 * @param keys at least one
 */
export function tableOfKeys(keys: SigningKey[], when: ChangeTimes): string {
  const rows = keyStates(keys, when).map(({ key, state, ...life }) => [
    key.kid,
    key.alg,
    key.createdAt === 0 ? 'unknown' : time(key.createdAt),
    stateTexts[state](life),
  ])
  return columns([['kid', 'alg', 'created', 'state'], ...rows])
}

/** The report of a new key file. */
export function sayCreated(file: string, [key]: SigningKey[]): string {
  return `Created ${file} with key ${key?.kid} (${key?.alg}). The key signs at once.`
}

/** The report of a rotation: the change and its effects. */
export function sayRotated({ after }: ChangedKeys, when: ChangeTimes): string {
  // A rotation adds the newest key.
  const [
    {
      key: { kid, alg },
      state,
      signsFrom,
    },
  ] = keyStates(after, when) as [ReturnType<typeof keyStates>[number]]
  const follows =
    state === 'signs'
      ? `It signs at once. ${notFetchedYet(after, when)}`
      : `It signs from ${time(signsFrom)}, when all verifiers have fetched it. Users stay logged in.`
  return `Created key ${kid} (${alg}). Running servers load it within seconds and publish it at once.\n${follows}`
}

/** The report of a revocation: the change and its effects. */
export function sayRevoked(kid: string, { before, after }: ChangedKeys, when: ChangeTimes): string {
  const others = difference(before, after).filter((one) => one !== kid)
  const { key, signsFrom } = keyStates(after, when).find(
    ({ state }) => state === 'signs',
  ) as KeyLife
  const signing = before.some(({ kid }) => kid === key.kid)
    ? `Key ${key.kid} (${key.alg}) signs.`
    : `No other key was in use. Created key ${key.kid} (${key.alg}), which signs at once.`
  // The signing key was still waiting, or has just been created.
  const early = signsFrom >= when.now ? ` ${notFetchedYet(after, when)}` : ''
  return [
    `Removed key ${kid}.`,
    'This API refuses its tokens within seconds. Users with these tokens have to log in again.',
    `Other services refuse them once they fetch the keys again, after ${cacheSeconds(after, when)} seconds at the latest (max-age).`,
    ...others.map(
      (one) => `Also removed key ${one}: it had expired, and would have come back into use.`,
    ),
    signing + early,
  ].join('\n')
}

/** The report of a pruning. */
export function sayPruned({ before, after }: ChangedKeys): string {
  const removed = difference(before, after)
  return removed.length === 0
    ? 'No key can be removed yet.'
    : removed.map((kid) => `Removed key ${kid}: all its tokens have expired.`).join('\n')
}

const stateTexts: Record<KeyState, (life: Omit<KeyLife, 'key'>) => string> = {
  waits: ({ signsFrom }) => `published, signs from ${time(signsFrom)}`,
  signs: ({ signsUntil }) =>
    signsUntil === Infinity ? 'signs' : `signs until ${time(signsUntil)}`,
  verifies: ({ verifiesUntil }) =>
    verifiesUntil === Infinity ? 'verifies' : `verifies until ${time(verifiesUntil)}`,
  over: () => 'can be removed (npm run keys -- prune)',
}

function notFetchedYet(keys: SigningKey[], when: ChangeTimes): string {
  return `Its tokens are refused until the key is fetched: by other servers of this API for a second or two, by other services for up to ${cacheSeconds(keys, when)} seconds (max-age).`
}

function cacheSeconds(keys: SigningKey[], { times }: ChangeTimes): number {
  return createKeyRing(keys, { ...times, clock: Date.now }).cacheSeconds
}

function difference(some: SigningKey[], others: SigningKey[]): string[] {
  const known = new Set(others.map(({ kid }) => kid))
  return some.map(({ kid }) => kid).filter((kid) => !known.has(kid))
}

/** Formats seconds since 1970 as RFC 3339. */
function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function columns(rows: string[][]): string {
  const width = (column: number) => Math.max(...rows.map((row) => String(row[column]).length))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(width(column)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
