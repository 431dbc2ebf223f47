import t from 'tap'
import { createKeyRing, keyLives } from '../../src/keys/key-ring.js'
import type { SigningKey } from '../../src/keys/signing-key.js'

const at = (kid: string, createdAt: number, signsFrom: number | null = null) =>
  ({ kid, createdAt, signsFrom, publicJwk: { kid } }) as unknown as SigningKey
const times = { publishSeconds: 1200, longestTokenSeconds: 2000 }
const kids = ({ keys }: { keys: Array<{ kid: string }> }) => keys.map(({ kid }) => kid)

const rows: Array<[string, SigningKey[], number, string]> = [
  ['one key, long published', [at('a', 0)], 1_000_000, 'a'],
  ['one key, brand-new', [at('a', 5000)], 5000, 'a'],
  ['one key, made in the future', [at('a', 9000)], 5000, 'a'],
  ['a new one is only published at first', [at('a', 0), at('b', 5000)], 5000, 'a'],
  ['just before its time', [at('a', 0), at('b', 5000)], 6199.999, 'a'],
  ['at its time', [at('a', 0), at('b', 5000)], 6200, 'b'],
  ['whatever the order in the file', [at('b', 5000), at('a', 0)], 6200, 'b'],
  [
    'the newest of those published long enough',
    [at('a', 0), at('c', 6000), at('b', 5000)],
    6500,
    'b',
  ],
  ['all new: the oldest', [at('b', 5100), at('a', 5000), at('c', 5200)], 5300, 'a'],
  ['made in the same second: the first by kid', [at('z', 5000), at('y', 5000)], 9000, 'y'],
  ['made in the same second, in the other order', [at('y', 5000), at('z', 5000)], 9000, 'y'],
  ['no creation time counts as oldest', [at('new', 5000), at('old', 0)], 6199, 'old'],
  ['one that signs at once', [at('a', 0), at('b', 5000, 5000)], 5000, 'b'],
  [
    'one that signs at once, before one that waits',
    [at('a', 0), at('wait', 4900), at('b', 5000, 5000)],
    5000,
    'b',
  ],
  [
    'one that waited is not put in place of a newer one',
    [at('a', 0), at('wait', 4900), at('b', 5000, 5000)],
    7000,
    'b',
  ],
  [
    'a first key that is new is not put back in place of a newer one',
    [at('a', 4900), at('b', 5000, 5000)],
    7000,
    'b',
  ],
]

for (const [name, keys, seconds, expected] of rows) {
  const ring = createKeyRing(keys, { ...times, clock: () => seconds * 1000 })
  t.equal(ring.signingKey().kid, expected, name)
}

t.test('the clock is read each time, and a key that signs at once needs no wait', async (t) => {
  let now = 5000_000
  const ring = createKeyRing([at('a', 0), at('b', 5000)], { ...times, clock: () => now })
  t.equal(ring.signingKey().kid, 'a')
  now += times.publishSeconds * 1000
  t.equal(ring.signingKey().kid, 'b')
  t.equal(
    createKeyRing([at('a', 0), at('b', 5000)], {
      ...times,
      publishSeconds: 0,
      clock: () => 5000_000,
    }).signingKey().kid,
    'b',
  )
})

t.test('every key verifies and is published, newest first', async (t) => {
  const keys = [at('a', 0), at('c', 6000), at('b', 5000), at('future', 99_000)]
  const ring = createKeyRing(keys, { ...times, clock: () => 5500_000 })
  t.strictSame(ring.jwks(), { keys: [{ kid: 'future' }, { kid: 'c' }, { kid: 'b' }, { kid: 'a' }] })
  for (const key of keys) t.equal(ring.find(key.kid), key)
  for (const kid of ['', 'A', 'a ', '__proto__', 'constructor', 'toString'])
    t.equal(ring.find(kid), undefined, kid)
  t.strictSame(
    keys.map(({ kid }) => kid),
    ['a', 'c', 'b', 'future'],
    'the list that was given stays as it was',
  )
})

t.test('a key verifies until no token of it can be alive, and not longer', async (t) => {
  const [a, b, c] = [at('a', 0), at('b', 5000), at('c', 6000)]
  const end = 5000 + 1200 + 2000 + 60
  t.strictSame(keyLives([a, b, c], times), [
    { key: c, signsFrom: 7200, signsUntil: Infinity, verifiesUntil: Infinity },
    { key: b, signsFrom: 6200, signsUntil: 7200, verifiesUntil: 7200 + 2060 },
    { key: a, signsFrom: 1200, signsUntil: 6200, verifiesUntil: end },
  ])
  t.strictSame(
    keyLives([a, at('wait', 4900), at('b', 5000, 5000)], times).map(({ signsUntil }) => signsUntil),
    [Infinity, 5000, 5000],
    'a newer key that signs earlier ends all older ones',
  )
  let now = (end - 0.001) * 1000
  const ring = createKeyRing([a, b], { ...times, clock: () => now })
  t.strictSame([ring.find('a'), kids(ring.jwks())], [a, ['b', 'a']], 'the last millisecond')
  now = end * 1000
  t.strictSame([ring.find('a'), kids(ring.jwks())], [undefined, ['b']])
  t.strictSame(
    keyLives([a, at('early', 5000, 1)], times).map(({ signsFrom, signsUntil }) => [
      signsFrom,
      signsUntil,
    ]),
    [
      [1, Infinity],
      [1200, 5000],
    ],
    'no key has signed before it was made',
  )
  t.equal(
    createKeyRing([a], { ...times, clock: () => 1e15 }).find('a'),
    a,
    'the only key has no end',
  )
  const untimed = [at('x', 0), at('y', 0)]
  t.strictSame(
    kids(createKeyRing(untimed, { ...times, clock: () => 1e15 }).jwks()),
    ['x', 'y'],
    'keys without times do not end each other',
  )
  t.strictSame(kids(createKeyRing([...untimed, b], { ...times, clock: () => 1e15 }).jwks()), ['b'])
})

t.test('other keys take the place of all', async (t) => {
  const [a, b] = [at('a', 0), at('b', 5000)]
  const ring = createKeyRing([a], { ...times, clock: () => 7000_000 })
  ring.replace([a, b])
  t.strictSame([ring.signingKey(), ring.find('a'), kids(ring.jwks())], [b, a, ['b', 'a']])
  ring.replace([b])
  t.strictSame([ring.signingKey(), ring.find('a'), kids(ring.jwks())], [b, undefined, ['b']])
  ring.replace([a])
  t.strictSame(
    [ring.signingKey(), ring.find('b')],
    [a, undefined],
    'an older key signs again when the newer is gone',
  )
})

t.test(
  'what is published may be kept for half of the time that a new key waits, at most ten minutes',
  async (t) => {
    for (const [publishSeconds, expected] of [
      [0, 0],
      [1, 0],
      [5, 2],
      [1199, 599],
      [1200, 600],
      [604_800, 600],
    ] as const) {
      t.equal(
        createKeyRing([at('a', 0)], { ...times, publishSeconds, clock: Date.now }).cacheSeconds,
        expected,
      )
    }
  },
)
