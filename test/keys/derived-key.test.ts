import { createPrivateKey, hkdfSync } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../src/keys/derived-key.js'
import { parseKeys, type SigningKey } from '../../src/keys/signing-key.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { createSignupTokens } from '../../src/tokens/signup-token.js'
import { frozenNow } from '../helper.js'
import { encode, makeJwk } from '../support/forge.js'
import { rejectionOf } from '../support/table.js'

/** A key whose private part counts how often it is read. */
async function watched(): Promise<{ key: SigningKey; reads: () => number }> {
  const [key] = (await parseKeys(JSON.stringify({ keys: [makeJwk('ES256')] }), 'test')) as [
    SigningKey,
  ]
  const { privatePem } = key
  let reads = 0
  return {
    key: {
      ...key,
      get privatePem() {
        reads++
        return privatePem
      },
    },
    reads: () => reads,
  }
}

t.test(
  'a secret is the HKDF of the private number, derived once for each key and purpose',
  async (t) => {
    const [one, two] = [await watched(), await watched()]
    const byHand = ({ privatePem }: SigningKey, purpose: string) => {
      const { d } = createPrivateKey(privatePem).export({ format: 'jwk' }) as { d: string }
      return new Uint8Array(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32))
    }
    for (let round = 0; round < 3; round++)
      for (const { key } of [one, two]) for (const purpose of ['a', 'b']) deriveKey(key, purpose)
    t.strictSame([one.reads(), two.reads()], [2, 2], 'a look for each purpose')
    for (const { key } of [one, two])
      for (const purpose of ['a', 'b'])
        t.strictSame(deriveKey(key, purpose), byHand(key, purpose), `the secret for ${purpose}`)
  },
)

t.test('a thousand encrypted tokens of garbage derive one key', async (t) => {
  const { key, reads } = await watched()
  const clock = () => frozenNow
  const ring = createKeyRing([key], { publishSeconds: 0, longestTokenSeconds: 86_400, clock })
  const { verify } = createSignupTokens({ ring, issuer: 'http://localhost:3000', clock })
  const header = encode({ alg: 'dir', enc: 'A256GCM', kid: key.kid, typ: 'signup+jwt' })
  const outcomes = new Map<unknown, number>()
  for (let index = 0; index < 1000; index++) {
    const garbage = `${header}..${Buffer.alloc(12, index).toString('base64url')}.${encode(`x${index}`)}.${Buffer.alloc(16, index).toString('base64url')}`
    const outcome = await rejectionOf(verify(garbage))
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  t.strictSame(Object.fromEntries(outcomes), { invalid_one_time_token: 1000 })
  t.equal(reads(), 1, 'one look at the private key')
})
