import { createHmac } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../src/keys/derived-key.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys, type SigningKey } from '../../src/keys/signing-key.js'
import { createDpopNonces } from '../../src/tokens/dpop-nonce.js'
import { frozenNow } from '../helper.js'
import { makeJwk } from '../support/forge.js'

const [older, newer] = (await parseKeys(
  JSON.stringify({
    keys: [
      { ...makeJwk('ES256'), iat: 1 },
      { ...makeJwk('EdDSA'), iat: 2 },
    ],
  }),
  'test',
)) as [SigningKey, SigningKey]
const stepMs = 60_000
const start = Math.floor(frozenNow / stepMs) * stepMs
const byHand = (key: SigningKey, time: number) =>
  createHmac('sha256', deriveKey(key, 'dpop nonce'))
    .update(String(Math.floor(time / stepMs)))
    .digest('base64url')

function setUp(keys: SigningKey[] = [older, newer]) {
  const time = { now: start }
  const clock = () => time.now
  const ring = createKeyRing(keys, { publishSeconds: 0, longestTokenSeconds: 60, clock })
  return { time, ring, nonces: createDpopNonces({ ring, clock }) }
}

t.test('a nonce is the HMAC of its minute by the oldest key', async (t) => {
  const { time, nonces } = setUp()
  for (const now of [start, start + 59_999, start + stepMs, start - 1, 0]) {
    time.now = now
    t.equal(nonces.current(), byHand(older, now))
  }
  t.match(nonces.current(), /^[\w-]{43}$/)
})

t.test('nonces of two earlier minutes and the next are accepted', async (t) => {
  const { time, nonces } = setUp()
  const nonce = nonces.current()
  const accepted = (difference: number) => {
    time.now = start + difference
    return nonces.isAccepted(nonce)
  }
  t.strictSame(
    [-3600_000, -stepMs - 1, -stepMs, 0, stepMs, 3 * stepMs - 1, 3 * stepMs, 3600_000].map(
      accepted,
    ),
    [false, false, true, true, true, true, false, false],
  )
})

t.test('other texts are not accepted', async (t) => {
  const { nonces } = setUp()
  const nonce = nonces.current()
  const others = [
    ...['', ' ', '0', 'undefined', '__proto__', nonce.toUpperCase(), nonce.slice(1)],
    ...[`${nonce}=`, ` ${nonce}`, `${nonce}A`, byHand(newer, start)],
  ]
  t.strictSame(
    others.filter((text) => nonces.isAccepted(text)),
    [],
  )
})

t.test('a rotation keeps the nonces; pruning the oldest key ends them', async (t) => {
  const { ring, nonces } = setUp([older])
  const nonce = nonces.current()
  ring.replace([older, newer])
  t.equal(nonces.current(), nonce)
  ring.replace([{ ...older }, newer])
  t.equal(nonces.current(), nonce, 'read again from the file')
  ring.replace([newer])
  t.equal(nonces.current(), byHand(newer, start))
  t.equal(nonces.isAccepted(nonce), false, 'of a pruned key')
})

t.test('replicas with the same keys accept each other within a minute', async (t) => {
  const [one, two] = [setUp(), setUp()]
  two.time.now += 45_000 + 15_000
  t.equal(one.nonces.isAccepted(two.nonces.current()), true)
  t.equal(two.nonces.isAccepted(one.nonces.current()), true)
  two.time.now += stepMs
  t.equal(one.nonces.isAccepted(two.nonces.current()), false, 'two minutes ahead')
})
