import t from 'tap'
import {
  type ChangeTimes,
  type KeyState,
  keyStates,
  planPruning,
  planRevocation,
  planRotation,
} from '../../src/keys/key-changes.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import {
  type Algorithm,
  KeyRingError,
  parseKeys,
  type SigningKey,
} from '../../src/keys/signing-key.js'

const at = (
  kid: string,
  createdAt: number,
  signsFrom: number | null = null,
  alg: Algorithm = 'ES256',
) => ({ kid, alg, createdAt, signsFrom, publicJwk: { kid } }) as unknown as SigningKey
const times = { publishSeconds: 1200, longestTokenSeconds: 2000 }
const when = (now: number): ChangeTimes => ({ now, times })
const [a, b, c] = [at('a', 1000), at('b', 5000, null, 'EdDSA'), at('c', 6000, null, 'RS256')]
// Of a nothing is left when b has signed for the life of a token and twice the leeway.
const aIsOver = 5000 + 1200 + 2000 + 60

const states: Array<[string, SigningKey[], number, Array<[string, KeyState]>]> = [
  ['one key', [a], 9000, [['a', 'signs']]],
  ['one key that is new', [a], 1000, [['a', 'signs']]],
  [
    'a new key waits',
    [a, b],
    5000,
    [
      ['b', 'waits'],
      ['a', 'signs'],
    ],
  ],
  [
    'its last second',
    [a, b],
    6199,
    [
      ['b', 'waits'],
      ['a', 'signs'],
    ],
  ],
  [
    'its turn',
    [a, b],
    6200,
    [
      ['b', 'signs'],
      ['a', 'verifies'],
    ],
  ],
  [
    'the last second of the old one',
    [b, a],
    aIsOver - 1,
    [
      ['b', 'signs'],
      ['a', 'verifies'],
    ],
  ],
  [
    'no token of the old one',
    [b, a],
    aIsOver,
    [
      ['b', 'signs'],
      ['a', 'over'],
    ],
  ],
  [
    'all at once',
    [a, b, c, at('d', 9000)],
    9000,
    [
      ['d', 'waits'],
      ['c', 'signs'],
      ['b', 'verifies'],
      ['a', 'over'],
    ],
  ],
  [
    'all new: the oldest signs',
    [at('x', 9000), at('y', 9001)],
    9002,
    [
      ['y', 'waits'],
      ['x', 'signs'],
    ],
  ],
  [
    'one that waited when another signed at once never signs',
    [a, b, at('c', 5100, 5100)],
    5200,
    [
      ['c', 'signs'],
      ['b', 'verifies'],
      ['a', 'verifies'],
    ],
  ],
  [
    'one whose turn comes after that of a newer one never signs',
    [a, at('late', 5000, 9000), at('c', 5100)],
    5200,
    [
      ['c', 'waits'],
      ['late', 'verifies'],
      ['a', 'signs'],
    ],
  ],
  [
    'keys without times',
    [at('x', 0), at('y', 0)],
    9000,
    [
      ['x', 'signs'],
      ['y', 'verifies'],
    ],
  ],
]

for (const [name, keys, now, expected] of states) {
  t.strictSame(
    keyStates(keys, when(now)).map(({ key, state }) => [key.kid, state]),
    expected,
    name,
  )
}

t.test('what the states say is what the ring does', async (t) => {
  for (const [name, keys, now] of states) {
    const ring = createKeyRing(keys, { ...times, clock: () => now * 1000 })
    const found = keyStates(keys, when(now))
    t.equal(found.find(({ state }) => state === 'signs')?.key, ring.signingKey(), name)
    t.strictSame(
      found.filter(({ state }) => state !== 'over').map(({ key }) => key.publicJwk),
      ring.jwks().keys,
      name,
    )
  }
})

t.test('rotation', async (t) => {
  const rows: Array<
    [
      string,
      SigningKey[],
      { now: number; alg?: Algorithm; atOnce?: boolean },
      { alg: Algorithm; iat: number; nbf?: number },
    ]
  > = [
    ['adds a key of the algorithm that signs', [a, b], { now: 7000 }, { alg: 'EdDSA', iat: 7000 }],
    ['which is not the one that waits', [a, c], { now: 6000 }, { alg: 'ES256', iat: 6001 }],
    ['or of another algorithm', [a, b], { now: 7000, alg: 'ES256' }, { alg: 'ES256', iat: 7000 }],
    ['twice in one second', [a, at('x', 7000)], { now: 7000 }, { alg: 'ES256', iat: 7001 }],
    [
      'after a clock that went back',
      [a, at('x', 7900)],
      { now: 7000 },
      { alg: 'ES256', iat: 7901 },
    ],
    ['at once', [a], { now: 7000, atOnce: true }, { alg: 'ES256', iat: 7000, nbf: 7000 }],
    [
      'at once, though another key is newer',
      [a, at('x', 7900)],
      { now: 7000, atOnce: true },
      { alg: 'ES256', iat: 7901, nbf: 7000 },
    ],
    ['the first key', [], { now: 7000 }, { alg: 'ES256', iat: 7000 }],
    [
      'the first key, of another algorithm',
      [],
      { now: 7000, alg: 'RS256' },
      { alg: 'RS256', iat: 7000 },
    ],
  ]
  for (const [name, keys, { now, ...options }, expected] of rows) {
    const { remove, add } = await planRotation(keys, { ...when(now), ...options })
    t.strictSame([remove, add.length], [[], 1], name)
    const { alg, iat, nbf } = add[0] as Record<string, unknown>
    t.strictSame({ alg, iat, ...(nbf !== undefined && { nbf }) }, expected, name)
    const all = [...keys, ...(await parseKeys(JSON.stringify({ keys: add }), 'test'))]
    t.equal(keyStates(all, when(now))[0]?.key.kid, add[0]?.kid, `${name}: it is the newest`)
    t.equal(
      keyStates(all, when(now))[0]?.state,
      keys.length === 0 || options.atOnce === true ? 'signs' : 'waits',
      name,
    )
  }
})

t.test('revocation', async (t) => {
  const rows: Array<[string, SigningKey[], string, number, string[], Algorithm | null]> = [
    ['the only key is replaced', [b], 'b', 7000, ['b'], 'EdDSA'],
    ['the one that signs: an older one signs again', [a, b], 'b', 7000, ['b'], null],
    ['an older one', [a, b], 'a', 7000, ['a'], null],
    ['one that waits', [a, b], 'b', 5500, ['b'], null],
    ['the one that signs: one that waits signs at once', [a, b], 'a', 5500, ['a'], null],
    ['no dead key comes to life', [a, b], 'b', aIsOver, ['b', 'a'], 'EdDSA'],
    ['a dead key that stays dead stays', [a, b, c], 'c', 9000, ['c'], null],
    [
      'one that ended another early: the dead come to life no more',
      [a, at('late', 1500), at('early', 1600, 1600)],
      'early',
      1600 + 2000 + 60,
      ['early', 'late', 'a'],
      'ES256',
    ],
    [
      'the key of two that kept a third one dead',
      [a, at('late', 3500), at('early', 1600, 1600)],
      'early',
      1600 + 2000 + 60,
      ['early', 'a'],
      null,
    ],
    ['a dead key', [a, b], 'a', aIsOver, ['a'], null],
  ]
  for (const [name, keys, kid, now, remove, alg] of rows) {
    const change = await planRevocation(keys, kid, when(now))
    t.strictSame(change.remove, remove, name)
    t.strictSame(
      change.add.map(({ alg, nbf }) => [alg, nbf]),
      alg === null ? [] : [[alg, now]],
      name,
    )
    const added = await (alg === null
      ? []
      : parseKeys(JSON.stringify({ keys: change.add }), 'test'))
    for (const key of added)
      t.ok(
        keys.every(({ createdAt }) => createdAt < key.createdAt),
        `${name}: the new one is the newest`,
      )
    const ring = createKeyRing([...keys.filter((key) => !remove.includes(key.kid)), ...added], {
      ...times,
      clock: () => now * 1000,
    })
    for (const gone of [...remove, ...planPruning(keys, when(now)).remove])
      t.equal(ring.find(gone), undefined, `${name}: ${gone} does not verify`)
    t.ok(ring.signingKey(), name)
  }
  const error = await planRevocation([a], 'nope', when(7000)).catch((error: unknown) => error)
  t.ok(error instanceof KeyRingError)
  t.match(error, { message: /"nope".*npm run keys -- list/ })
})

t.test('pruning', async (t) => {
  t.strictSame(planPruning([a, b, c], when(aIsOver - 1)), { remove: [], add: [] })
  t.strictSame(planPruning([a, b, c], when(aIsOver)), { remove: ['a'], add: [] })
  t.strictSame(planPruning([a, b, c], when(1e9)), { remove: ['b', 'a'], add: [] })
  t.strictSame(planPruning([a], when(1e9)), { remove: [], add: [] }, 'the only key stays')
})
