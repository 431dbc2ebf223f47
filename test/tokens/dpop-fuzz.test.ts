import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import { createDpopProofs, dpopAlgorithms } from '../../src/tokens/dpop-proof.js'
import { frozenNow } from '../helper.js'
import { forge, makeJwk, signer } from '../support/forge.js'
import { createProver } from '../support/prover.js'

const clock = () => frozenNow
const ring = createKeyRing(await parseKeys(JSON.stringify({ keys: [makeJwk('ES256')] }), 'test'), {
  publishSeconds: 0,
  longestTokenSeconds: 60,
  clock,
})
const proofs = createDpopProofs({ ring, clock })
const request = { method: 'POST', url: 'https://auth.example.org/login' }
const good = { htm: request.method, htu: request.url, nonce: proofs.currentNonce() }
const codes = ['use_dpop_nonce', 'invalid_dpop_proof']

/** Random numbers that are the same in each run (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Returns `ok` or the code of the problem. Anything else that is thrown fails the test. */
function outcomeOf(proof: string): string {
  try {
    proofs.verify(proof, request)
    return 'ok'
  } catch (error) {
    if (error instanceof Problem && codes.includes(error.code)) return error.code
    throw error
  }
}

for (const alg of dpopAlgorithms)
  t.test(`a change of any character ends in a problem, ${alg}`, async (t) => {
    const random = createRandom(1)
    const prover = createProver(alg)
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=~ \0é'
    const proof = prover.make(good)
    const accepted: string[] = []
    for (let at = 0; at < proof.length; at++) {
      const [head, tail] = [proof.slice(0, at), proof.slice(at + 1)]
      const mutants = [head + tail, `${proof.slice(0, at)}A${proof.slice(at)}`, head]
      for (let i = 0; i < 3; i++)
        mutants.push(head + String(letters[random(letters.length)]) + tail)
      for (const mutant of mutants)
        if (mutant !== proof && outcomeOf(mutant) === 'ok') accepted.push(mutant)
    }
    t.strictSame(accepted, [])
    t.equal(outcomeOf(proof), 'ok', 'untouched')
  })

t.test('random headers and claims end in a problem, or have nothing to refuse', async (t) => {
  const random = createRandom(2)
  const [ec, ed] = [createProver('ES256'), createProver('EdDSA')]
  const pick = (list: unknown[]) => list[random(list.length)]
  const texts = [
    '',
    'P-256',
    'Ed25519',
    'EC',
    'OKP',
    'oct',
    'RSA',
    'A'.repeat(43),
    ec.jwk.x,
    ed.jwk.x,
  ]
  const value = (depth = 0): unknown => {
    const kinds: Array<() => unknown> = [
      () => pick(texts),
      () => pick([0, -1, 1.5, 1e300, true, false, null, undefined]),
      () => pick(['dpop+jwt', 'ES256', 'EdDSA', good.htm, good.htu, good.nonce]),
      () => String.fromCharCode(random(65_536), random(65_536), random(128)),
      () => (depth > 2 ? [] : Array.from({ length: random(4) }, () => value(depth + 1))),
      () => (depth > 2 ? {} : members(depth + 1)),
    ]
    return kinds[random(kinds.length)]?.()
  }
  const names = ['typ', 'alg', 'jwk', 'crit', 'kty', 'crv', 'x', 'y', 'd', '__proto__', 'toString']
  const members = (depth: number): object =>
    Object.fromEntries(
      Array.from({ length: random(5) }, () => [String(pick(names)), value(depth)] as const),
    )
  const change = (from: object, more: string[]): object => {
    const copy = { ...from } as Record<string, unknown>
    for (let i = random(3); i > 0; i--)
      copy[String(pick([...Object.keys(from), ...more]))] = value()
    return copy
  }
  const counts: Record<string, number> = {}
  for (let i = 0; i < 4000; i++) {
    const prover = random(2) === 0 ? ec : ed
    const { jwk, ...rest } = prover.header
    const header = change({ ...rest, jwk: change(jwk as object, names) }, names)
    const claims = change({ ...good, iat: 1, jti: `${i}` }, ['ath', 'toString', 'exp'])
    const outcome = outcomeOf(forge(header, claims, signer(prover.jwk)))
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  t.strictSame(Object.keys(counts).sort(), ['invalid_dpop_proof', 'ok', 'use_dpop_nonce'])
})

t.test('random bytes end in a problem', async (t) => {
  const random = createRandom(3)
  for (let i = 0; i < 2000; i++) {
    const part = () => Buffer.from(Array.from({ length: random(120) }, () => random(256)))
    const proof = random(2)
      ? [part(), part(), part()].map((bytes) => bytes.toString('base64url')).join('.')
      : part().toString('latin1')
    if (outcomeOf(proof) !== 'invalid_dpop_proof') t.fail(proof)
  }
})
