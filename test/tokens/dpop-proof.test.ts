import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import {
  createDpopProofs,
  dpopAlgorithms,
  type ProvenRequest,
} from '../../src/tokens/dpop-proof.js'
import { frozenNow } from '../helper.js'
import { encode, forge, hmac, makeJwk, signer } from '../support/forge.js'
import { athOf, createProver, type ProofChanges } from '../support/prover.js'
import { everyRowIs, rowsOf, tableIs } from '../support/table.js'

const time = { now: frozenNow }
const clock = () => time.now
const newRing = async () =>
  createKeyRing(await parseKeys(JSON.stringify({ keys: [makeJwk('ES256')] }), 'test'), {
    publishSeconds: 0,
    longestTokenSeconds: 60,
    clock,
  })
const ring = await newRing()
const proofs = createDpopProofs({ ring, clock })
const provers = { ES256: createProver('ES256'), EdDSA: createProver('EdDSA') }
const request: ProvenRequest = { method: 'POST', url: 'https://auth.example.org/v1/login' }
const withToken: ProvenRequest = { ...request, accessToken: 'a.good.token' }

/** The result of a proof: the code of the problem, or `ok`. */
function outcomeOf(proof: string, to: ProvenRequest = request): string {
  try {
    proofs.verify(proof, to)
    return 'ok'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code
  }
}

/** A good proof for {@link request}, but for the changes. */
function make(changes: ProofChanges = {}, alg: keyof typeof provers = 'ES256'): string {
  const good = { htm: request.method, htu: request.url, nonce: proofs.currentNonce() }
  return provers[alg].make(good, changes)
}
const claims = (changes: Record<string, unknown>) => make({ claims: changes })

t.test('a good proof has the thumbprint of its key', async (t) => {
  for (const alg of dpopAlgorithms) {
    const { jkt } = provers[alg]
    for (const claims of [{}, { iat: 0 }, { iat: 4e9 }, { iat: 1.5 }, { iat: -1 }, { more: [1] }])
      t.strictSame(proofs.verify(make({ claims }, alg), request), { jkt, isNonceCurrent: true })
    const ath = athOf('a.good.token')
    t.equal(proofs.verify(make({ claims: { ath } }, alg), withToken).jkt, jkt)
    t.equal(outcomeOf(make({ claims: { ath: 'x' } }, alg)), 'ok', 'ath has no meaning here')
    t.equal(proofs.verify(make({}, alg), { ...request, accessToken: undefined }).jkt, jkt)
  }
})

t.test('a proof works once, and proofs by two keys may share a jti', async (t) => {
  const jti = 'the same'
  const nonce = proofs.currentNonce()
  for (const alg of dpopAlgorithms) {
    const proof = make({ claims: { jti, nonce } }, alg)
    const again = make({ claims: { jti, nonce, iat: 2 } }, alg)
    t.strictSame(
      [proof, proof, again].map((one) => outcomeOf(one)),
      ['ok', 'invalid_dpop_proof', 'invalid_dpop_proof'],
    )
    for (time.now = frozenNow; outcomeOf(proof) !== 'use_dpop_nonce'; time.now += 1000)
      if (outcomeOf(proof) === 'ok') t.fail(`a replay at ${time.now}`)
    t.equal(time.now - (time.now % 60_000), time.now, 'until the nonce ends')
    time.now = frozenNow
  }
})

t.test('the other signature of ES256 is a replay, too', async (t) => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const proof = make()
  const [header, payload, signature = ''] = proof.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')
  const twin = `${header}.${payload}.${Buffer.concat([bytes.subarray(0, 32), other]).toString('base64url')}`
  t.strictSame([outcomeOf(twin), outcomeOf(proof)], ['ok', 'invalid_dpop_proof'])
})

t.test('a refused proof is not remembered', async (t) => {
  const ath = athOf('a.good.token')
  const proof = claims({ ath })
  const forged = proof.replace(/.{86}$/, 'A'.repeat(86))
  t.equal(outcomeOf(forged, withToken), 'invalid_dpop_proof')
  t.equal(outcomeOf(proof, { ...withToken, method: 'GET' }), 'invalid_dpop_proof')
  t.equal(outcomeOf(proof, { ...withToken, accessToken: 'another' }), 'invalid_dpop_proof')
  time.now += 600_000
  t.equal(outcomeOf(proof, withToken), 'use_dpop_nonce')
  time.now = frozenNow
  t.equal(outcomeOf(proof, withToken), 'ok')
})

t.test('a nonce is required; the client learns when there is a newer one', async (t) => {
  const nonce = proofs.currentNonce()
  const foreign = createDpopProofs({ ring: await newRing(), clock }).currentNonce()
  const rows: Array<[string, string]> = [
    ['none', claims({ nonce: undefined })],
    ['none, and a bad signature', make({ claims: { nonce: undefined }, sign: hmac('x') })],
    ['of other keys', claims({ nonce: foreign })],
    ['empty', claims({ nonce: '' })],
    ['the name of a member', claims({ nonce: 'constructor' })],
    ['in another case', claims({ nonce: nonce.toLowerCase() })],
  ]
  await everyRowIs(t, rows, 'use_dpop_nonce', (proof) => outcomeOf(proof), 'nonces')
  const steps: Array<[string, number, unknown]> = [
    ['two minutes ahead', -120_000, 'use_dpop_nonce'],
    ['a minute ahead', -60_000, false],
    ['now', 0, true],
    ['a minute old', 60_000, false],
    ['two minutes old', 120_000, false],
    ['three minutes old', 180_000, 'use_dpop_nonce'],
  ]
  await tableIs(
    t,
    steps,
    (difference) => {
      time.now = frozenNow + difference
      const proof = claims({ nonce })
      const outcome = outcomeOf(proof)
      if (outcome !== 'ok') return outcome
      return proofs.verify(claims({ nonce }), request).isNonceCurrent
    },
    'steps',
  )
  time.now = frozenNow
})

t.test('claims of another type or value are refused', async (t) => {
  const notText = [null, 1, true, [], ['x'], {}]
  const bad = (name: string, values: unknown[]) =>
    rowsOf(values).map(([label, value]): [string, string] => [
      `${name} ${value === undefined ? 'missing' : label}`,
      claims({ [name]: value }),
    ])
  const methods = ['', 'post', 'Post', ' POST', 'GET', 'POST,GET', ['POST'], undefined, ...notText]
  await everyRowIs(
    t,
    [
      ...bad('jti', [undefined, '', 'x'.repeat(257), 'x'.repeat(2500), ...notText]),
      ['jti of 10 KB', claims({ jti: 'x'.repeat(10_240) })],
      ...bad('iat', [undefined, null, '1', true, [], [1], {}]),
      ...bad('htm', methods),
      ...bad('htu', [undefined, '', ...notText, [request.url]]),
      ...bad('nonce', notText),
      ...['', 'x', '[]', 'null', '1', '"x"', '{', '['.repeat(2000)].map(
        (text): [string, string] => [
          `payload ${text.slice(0, 9)}`,
          forge(provers.ES256.header, text, signer(provers.ES256.jwk)),
        ],
      ),
      [
        'claims only of the prototype',
        forge(
          provers.ES256.header,
          `{"__proto__":${Buffer.from(claims({}).split('.')[1] ?? '', 'base64url').toString()}}`,
          signer(provers.ES256.jwk),
        ),
      ],
    ],
    'invalid_dpop_proof',
    (proof) => outcomeOf(proof),
    'claims',
  )
  const longest = ['x'.repeat(256), '\u{1F511}'.repeat(128), ' ', '\ud800', '__proto__']
  for (const jti of longest) t.equal(outcomeOf(claims({ jti })), 'ok')
})

t.test('htu is compared as a URL, without query and fragment', async (t) => {
  const path = '/v1/login'
  const good = [
    ...[request.url, `${request.url}?a=b`, `${request.url}#a`, `${request.url}?a#b?c`],
    ...[`https://AUTH.example.org${path}`, `HTTPS://auth.Example.ORG:443${path}`],
    ...[`https://auth.example.org:${path}`, `https://auth.example.org/x/..${path}`],
  ]
  const bad = [
    ...[path, `//auth.example.org${path}`, 'https://', 'about:blank', 'x'.repeat(500)],
    ...[`http://auth.example.org${path}`, `https://auth.example.org:444${path}`],
    ...[`https://auth.example.org.${path}`, `https://evil.example.org${path}`],
    ...[`https://auth.example.org@evil.example${path}`, `https://a@auth.example.org${path}`],
    ...[`https://:b@auth.example.org${path}`, `wss://auth.example.org${path}`],
    ...[`${request.url}/`, 'https://auth.example.org/v1/LOGIN', 'https://auth.example.org/v1'],
    ...['https://auth.example.org/v1/log%69n', 'https://auth.example.org/v1//login'],
    ...['https://auth.example.org', `data:https://auth.example.org${path}`, `blob:${request.url}`],
  ]
  for (const url of [request.url, `${request.url}?return_to=%2F#x`]) {
    const run = (htu: string) => outcomeOf(claims({ htu }), { ...request, url })
    await everyRowIs(t, rowsOf(good), 'ok', run, 'the same')
    await everyRowIs(t, rowsOf(bad), 'invalid_dpop_proof', run, 'another')
  }
  for (const url of ['', '/v1/login', 'file:///v1/login', 'https://a:b@auth.example.org/v1/login'])
    t.equal(outcomeOf(claims({ htu: url }), { ...request, url }), 'invalid_dpop_proof', url)
  const local = 'http://localhost:3000/login'
  t.equal(outcomeOf(claims({ htu: local }), { ...request, url: local }), 'ok')
})

t.test('ath is the hash of the access token', async (t) => {
  const ath = athOf('a.good.token')
  const bad = [undefined, null, 1, '', [ath], `${ath}=`, ath.toLowerCase(), 'a.good.token']
  await everyRowIs(
    t,
    [...rowsOf(bad), ['of another token', athOf('another')]],
    'invalid_dpop_proof',
    (value) => outcomeOf(claims({ ath: value }), withToken),
    'refused',
  )
  // RFC 9449, figure 13, has no nonce. So all that is missing is the nonce.
  const example =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA'
  const to = { method: 'GET', url: 'https://resource.example.org/protectedresource' }
  const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
  t.equal(outcomeOf(example, { ...to, accessToken }), 'use_dpop_nonce')
  t.equal(outcomeOf(example, { ...to, accessToken: `${accessToken}x` }), 'invalid_dpop_proof')
})

t.test('other forms and signatures are refused', async (t) => {
  const { header, jwk } = provers.ES256
  const der = crypto.createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' })
  const good = claims({ jti: 'one of its own' })
  const [first, second, third] = good.split('.') as [string, string, string]
  const unencoded = Buffer.from(second, 'base64url').toString()
  const b64 = encode({ ...header, b64: false })
  const detached = signer(jwk)(`${b64}.${unencoded}`).toString('base64url')
  await everyRowIs(
    t,
    [
      ['empty', ''],
      ['one part', first],
      ['without a signature', `${first}.${second}.`],
      ['a fourth part', `${good}.${third}`],
      ['padded', `${good}=`],
      ['a space', `${good} `],
      ['two in one header', `${good}, ${good}`],
      ['JSON', JSON.stringify({ protected: first, payload: second, signature: third })],
      ['spare bits', good.replace(/.$/, 'B')],
      ['a private key', make({ header: { ...header, jwk } })],
      ['another key', make({ sign: signer(makeJwk('ES256')) })],
      ['an Ed25519 key', make({ sign: signer(makeJwk('EdDSA')) })],
      ['a MAC by the public key', make({ sign: hmac(JSON.stringify(header.jwk)) })],
      ['a DER signature', make({ sign: (text) => crypto.sign('sha256', Buffer.from(text), der) })],
      ['no signature', make({ header: { ...header, alg: 'none' }, sign: () => Buffer.alloc(0) })],
      ['zeros', make({ sign: () => Buffer.alloc(64) })],
      ['a payload not encoded', `${b64}.${unencoded}.${detached}`],
      ['signed as not encoded', `${b64}.${second}.${detached}`],
      ['payload of another proof', `${first}.${claims({}).split('.')[1]}.${third}`],
    ],
    'invalid_dpop_proof',
    (proof) => outcomeOf(proof),
    'forms',
  )
  t.equal(outcomeOf(good), 'ok')
})

t.test('only the key of a proof with a valid signature is kept', async (t) => {
  const imports = t.capture(crypto, 'createPublicKey', crypto.createPublicKey)
  syncBuiltinESMExports()
  const good = { htm: request.method, htu: request.url, nonce: proofs.currentNonce() }
  const prover = createProver()
  const importsOf = (proof: string) => {
    outcomeOf(proof)
    return imports().length
  }
  const forged = prover.make(good, { sign: () => Buffer.alloc(64, 1) })
  t.strictSame([importsOf(forged), importsOf(forged)], [1, 1], 'forged')
  const wanted = [prover.make(good), prover.make(good), forged, prover.make(good)]
  t.strictSame(wanted.map(importsOf), [1, 0, 0, 0], 'the real one, then more of its key')
  t.equal(importsOf(prover.make(good, { header: { ...prover.header, kid: 'k' } })), 1)
  imports.restore()
  syncBuiltinESMExports()
})
