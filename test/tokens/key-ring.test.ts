import t from 'tap'
import { createKeyRing } from '../../src/tokens/key-ring.js'
import type { SigningKey } from '../../src/tokens/keys.js'

const at = (kid: string, createdAt: number) => ({ kid, createdAt, publicJwk: { kid } }) as unknown as SigningKey
const publishSeconds = 1200

const rows: Array<[string, SigningKey[], number, string]> = [
  ['one key, long published', [at('a', 0)], 1_000_000, 'a'],
  ['one key, brand-new', [at('a', 5000)], 5000, 'a'],
  ['one key, made in the future', [at('a', 9000)], 5000, 'a'],
  ['a new one is only published at first', [at('a', 0), at('b', 5000)], 5000, 'a'],
  ['just before its time', [at('a', 0), at('b', 5000)], 6199.999, 'a'],
  ['at its time', [at('a', 0), at('b', 5000)], 6200, 'b'],
  ['whatever the order in the file', [at('b', 5000), at('a', 0)], 6200, 'b'],
  ['the newest of those published long enough', [at('a', 0), at('c', 6000), at('b', 5000)], 6500, 'b'],
  ['all new: the oldest', [at('b', 5100), at('a', 5000), at('c', 5200)], 5300, 'a'],
  ['made in the same second: the first by kid', [at('z', 5000), at('y', 5000)], 9000, 'y'],
  ['made in the same second, in the other order', [at('y', 5000), at('z', 5000)], 9000, 'y'],
  ['no creation time counts as oldest', [at('new', 5000), at('old', 0)], 6199, 'old']
]

for (const [name, keys, seconds, expected] of rows) {
  const ring = createKeyRing(keys, { publishSeconds, clock: () => seconds * 1000 })
  t.equal(ring.signingKey().kid, expected, name)
}

t.test('the clock is read each time, and a key that signs at once needs no wait', async (t) => {
  let now = 5000_000
  const ring = createKeyRing([at('a', 0), at('b', 5000)], { publishSeconds, clock: () => now })
  t.equal(ring.signingKey().kid, 'a')
  now += publishSeconds * 1000
  t.equal(ring.signingKey().kid, 'b')
  t.equal(createKeyRing([at('a', 0), at('b', 5000)], { publishSeconds: 0, clock: () => 5000_000 }).signingKey().kid, 'b')
})

t.test('every key verifies and is published, newest first', async (t) => {
  const keys = [at('a', 0), at('c', 6000), at('b', 5000), at('future', 99_000)]
  const ring = createKeyRing(keys, { publishSeconds, clock: () => 5500_000 })
  t.strictSame(ring.jwks(), { keys: [{ kid: 'future' }, { kid: 'c' }, { kid: 'b' }, { kid: 'a' }] })
  for (const key of keys) t.equal(ring.find(key.kid), key)
  for (const kid of ['', 'A', 'a ', '__proto__', 'constructor', 'toString']) t.equal(ring.find(kid), undefined, kid)
  t.strictSame(keys.map(({ kid }) => kid), ['a', 'c', 'b', 'future'], 'the list that was given stays as it was')
})
