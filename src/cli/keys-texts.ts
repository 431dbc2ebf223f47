import { type ChangeTimes, keyStates, type KeyState } from '../keys/key-changes.js'
import type { ChangedKeys } from '../keys/key-edit.js'
import { createKeyRing, type KeyLife } from '../keys/key-ring.js'
import type { SigningKey } from '../keys/signing-key.js'

/**
 * The keys as a table, newest first: what each is and what it does now, in words. Nothing
 * private.
 *
 * @param keys at least one
 */
export function tableOfKeys(keys: SigningKey[], when: ChangeTimes): string {
  const rows = keyStates(keys, when).map(({ key, state, ...life }) => [
    key.kid,
    key.alg,
    key.createdAt === 0 ? 'unknown' : time(key.createdAt),
    inWords[state](life),
  ])
  return columns([['kid', 'alg', 'made', 'state'], ...rows])
}

/** What a rotation of the keys in a file did and what follows. */
export function sayRotated(
  file: string,
  { before, after }: ChangedKeys,
  when: ChangeTimes,
): string {
  // A rotation adds the newest key.
  const [
    {
      key: { kid, alg },
      state,
      signsFrom,
    },
  ] = keyStates(after, when) as [ReturnType<typeof keyStates>[number]]
  if (before.length === 0) return `${file} was made, with key ${kid} (${alg}), which signs at once.`
  const follows =
    state === 'signs'
      ? `It signs at once. ${notFetchedYet(after, when)}`
      : `It signs from ${time(signsFrom)}; until then everyone fetches it. Nobody is logged out.`
  return `Key ${kid} (${alg}) was made. Running servers pick it up within seconds and publish it at once.\n${follows}`
}

/** What a revocation did and what follows. */
export function sayRevoked(kid: string, { before, after }: ChangedKeys, when: ChangeTimes): string {
  const others = difference(before, after).filter((one) => one !== kid)
  const { key, signsFrom } = keyStates(after, when).find(
    ({ state }) => state === 'signs',
  ) as KeyLife
  const signing = before.some(({ kid }) => kid === key.kid)
    ? `Key ${key.kid} (${key.alg}) signs.`
    : `No other key was in use, so key ${key.kid} (${key.alg}) was made, which signs at once.`
  // One whose time had not come, or that has just been made.
  const early = signsFrom >= when.now ? ` ${notFetchedYet(after, when)}` : ''
  return [
    `Key ${kid} was taken out.`,
    'This API refuses its tokens within seconds, and people whose tokens it signed have to log in again.',
    `Other services refuse them once they fetch the keys again: after ${cacheSeconds(after, when)} seconds at the latest (max-age).`,
    ...others.map(
      (one) => `Key ${one} went with it: its time was over, and it would have come back into use.`,
    ),
    signing + early,
  ].join('\n')
}

/** What a pruning did. */
export function sayPruned({ before, after }: ChangedKeys): string {
  const gone = difference(before, after)
  return gone.length === 0
    ? 'No key can go yet.'
    : gone.map((kid) => `Key ${kid} was taken out: no token of it can be alive.`).join('\n')
}

const inWords: Record<KeyState, (life: Omit<KeyLife, 'key'>) => string> = {
  waits: ({ signsFrom }) => `published, signs from ${time(signsFrom)}`,
  signs: ({ signsUntil }) =>
    signsUntil === Infinity ? 'signs' : `signs until ${time(signsUntil)}`,
  verifies: ({ verifiesUntil }) =>
    verifiesUntil === Infinity ? 'verifies' : `verifies until ${time(verifiesUntil)}`,
  over: () => 'can go (npm run keys -- prune)',
}

function notFetchedYet(keys: SigningKey[], when: ChangeTimes): string {
  return `Whoever has not fetched it yet refuses its tokens: other servers of this API for a second or two, other services that keep the keys for up to ${cacheSeconds(keys, when)} seconds (max-age).`
}

function cacheSeconds(keys: SigningKey[], { times }: ChangeTimes): number {
  return createKeyRing(keys, { ...times, clock: Date.now }).cacheSeconds
}

function difference(some: SigningKey[], others: SigningKey[]): string[] {
  const known = new Set(others.map(({ kid }) => kid))
  return some.map(({ kid }) => kid).filter((kid) => !known.has(kid))
}

/** Seconds since 1970 as RFC 3339. */
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
