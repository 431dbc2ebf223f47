import { createPublicKey, verify } from 'node:crypto'
import t from 'tap'
import { Problem } from '../../src/errors.js'
import {
  createProofKeys,
  dpopAlgorithms,
  importProofKey,
  type ProofKey,
} from '../../src/tokens/dpop-key.js'
import { encode, type Jwk, makeJwk, publicPart, signer, thumbprint } from '../support/forge.js'
import { everyRowIs } from '../support/table.js'

const [ec, ed] = [makeJwk('ES256'), makeJwk('EdDSA')]
const ecHeader = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicPart(ec) }
const edHeader = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: publicPart(ed) }

/** The result of a header: the code of the problem, or the thumbprint. */
function outcomeOf(header: unknown): string {
  try {
    return importProofKey(encode(header)).jkt
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code
  }
}

t.test('the key of the example of RFC 9449 has its thumbprint', async (t) => {
  const header =
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19'
  const key = importProofKey(header)
  t.equal(key.jkt, '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I')
  const payload =
    'eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ'
  const signature = Buffer.from(
    '2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg',
    'base64url',
  )
  t.equal(key.verifies(`${header}.${payload}`, signature), true, 'figure 2')
  t.equal(key.verifies(`${header}.${payload}x`, signature), false)
  t.equal(key.verifies(`${header}.${payload}`, signature.subarray(1)), false, '63 bytes')
  t.equal(key.verifies(`${header}.${payload}`, Buffer.alloc(64)), false, 'zeros')
  t.equal(key.verifies(`${header}.${payload}`, Buffer.alloc(64, 255)), false, 'too large')
})

t.test('the key of the example of RFC 8037 has its thumbprint', async (t) => {
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  const key = importProofKey(encode({ ...edHeader, jwk: { kty: 'OKP', crv: 'Ed25519', x } }))
  t.equal(key.jkt, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', 'A.3')
  const signature = Buffer.from(
    'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    'base64url',
  )
  const text = 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc'
  t.equal(key.verifies(text, signature), true, 'A.4')
  t.equal(key.verifies(`${text}x`, signature), false)
})

t.test('only the required members make the thumbprint', async (t) => {
  t.strictSame(dpopAlgorithms, ['ES256', 'EdDSA'])
  for (const header of [ecHeader, edHeader]) {
    const { alg, jwk } = header
    const reversed = Object.fromEntries(Object.entries(jwk).reverse())
    const more = { a: 1, kid: 'k', alg: 'x', use: 'enc', e: 'AQAB', n: 'AQ', ext: true, zz: [] }
    const foreign = { ...more, ...(alg === 'EdDSA' ? { y: jwk.x } : {}) }
    await everyRowIs(
      t,
      [
        ['as it is', header],
        ['in another order', { ...header, jwk: reversed }],
        ['with other members', { ...header, jwk: { ...foreign, ...jwk } }],
        ['with other members at the end', { ...header, jwk: { ...jwk, ...foreign } }],
        ['with other header parameters', { ...header, kid: 'k', jku: 'https://evil', b64: false }],
        ['with __proto__', `${JSON.stringify(header).slice(0, -1)},"__proto__":{"crit":[]}}`],
        ['repeated, the last one good', `{"alg":"none",${JSON.stringify(header).slice(1)}`],
      ],
      thumbprint(jwk),
      outcomeOf,
      alg,
    )
  }
})

t.test('bad headers and keys are refused', async (t) => {
  const withKey = (header: object, changes: Jwk) => {
    const { jwk, ...rest } = header as { jwk: Jwk }
    return { ...rest, jwk: { ...jwk, ...changes } }
  }
  const p384 = {
    kty: 'EC',
    crv: 'P-384',
    x: Buffer.alloc(48, 1).toString('base64url'),
    y: Buffer.alloc(48, 1).toString('base64url'),
  }
  const zeros = Buffer.alloc(32).toString('base64url')
  const last = (text: unknown) => String(text).slice(0, -1)
  const next = (text: unknown) => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return last(text) + String(letters[letters.indexOf(String(text).at(-1) as string) + 1])
  }
  const typs = [
    ...['JWT', 'at+jwt', 'DPOP+JWT', 'dpop+JWT', 'dpop', 'application/dpop+jwt', ' dpop+jwt', ''],
    ...[undefined, null, 1, ['dpop+jwt']],
  ]
  const algs = [
    ...[
      'none',
      'None',
      '',
      'HS256',
      'RS256',
      'PS256',
      'ES384',
      'ES512',
      'ES256K',
      'es256',
      'Ed448',
    ],
    ...['eddsa', 'constructor', 'toString', '__proto__', undefined, null, 1, ['ES256']],
  ]
  await everyRowIs(
    t,
    [
      ...typs.map((typ): [string, unknown] => [`typ ${String(typ)}`, { ...ecHeader, typ }]),
      ['typ in a list', { ...ecHeader, typ: ['dpop+jwt'] }],
      ...algs.map((alg): [string, unknown] => [
        `alg ${typeof alg} ${String(alg)}`,
        { ...ecHeader, alg },
      ]),
      ['crit', { ...ecHeader, crit: ['b64'], b64: false }],
      ['empty crit', { ...ecHeader, crit: [] }],
      ['crit null', { ...ecHeader, crit: null }],
      ['no jwk, a kid', { ...ecHeader, jwk: undefined, kid: thumbprint(ec) }],
      ['no jwk, an x5c', { ...ecHeader, jwk: undefined, x5c: ['AA'] }],
      ['jwk null', { ...ecHeader, jwk: null }],
      ['jwk a text', { ...ecHeader, jwk: JSON.stringify(ecHeader.jwk) }],
      ['jwk a list', { ...ecHeader, jwk: [ecHeader.jwk] }],
      ['jwk empty', { ...ecHeader, jwk: {} }],
      ['private EC', { ...ecHeader, jwk: ec }],
      ['private Ed25519', { ...edHeader, jwk: ed }],
      ['d null', withKey(ecHeader, { d: null })],
      ...['p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'].map((name): [string, unknown] => [
        `private member ${name}`,
        withKey(ecHeader, { [name]: 'AQ' }),
      ]),
      ['symmetric', { ...ecHeader, alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }],
      ['symmetric as ES256', { ...ecHeader, jwk: { kty: 'oct', k: 'AAAA' } }],
      ['oct without k', { ...ecHeader, jwk: { kty: 'oct' } }],
      ['RSA', { ...ecHeader, alg: 'RS256', jwk: { kty: 'RSA', n: zeros, e: 'AQAB' } }],
      ['RSA as ES256', { ...ecHeader, jwk: { kty: 'RSA', n: zeros, e: 'AQAB' } }],
      ['EC key with EdDSA', { ...ecHeader, alg: 'EdDSA' }],
      ['Ed25519 key with ES256', { ...edHeader, alg: 'ES256' }],
      ['P-384', { ...ecHeader, alg: 'ES384', jwk: p384 }],
      ['P-384 as ES256', { ...ecHeader, jwk: p384 }],
      ['P-384 point as P-256', { ...ecHeader, jwk: { ...p384, crv: 'P-256' } }],
      ['P-256 point as P-384', withKey(ecHeader, { crv: 'P-384' })],
      ['secp256k1', withKey(ecHeader, { crv: 'secp256k1' })],
      ['X25519', withKey(edHeader, { crv: 'X25519' })],
      ['Ed448', withKey(edHeader, { crv: 'Ed448', x: 'A'.repeat(76) })],
      ['kty in lower case', withKey(ecHeader, { kty: 'ec' })],
      ['crv a list', withKey(ecHeader, { crv: ['P-256'] })],
      ['no y', withKey(ecHeader, { y: undefined })],
      ['x a number', withKey(ecHeader, { x: 1 })],
      ['x a list', withKey(ecHeader, { x: [ec.x] })],
      ['x empty', withKey(ecHeader, { x: '' })],
      ['x short', withKey(edHeader, { x: last(ed.x) })],
      ['x long', withKey(edHeader, { x: `${String(ed.x)}A` })],
      ['x padded', withKey(edHeader, { x: `${String(ed.x)}=` })],
      ['x with spare bits', withKey(edHeader, { x: next(ed.x) })],
      ['EC x with spare bits', withKey(ecHeader, { x: next(ec.x) })],
      ['EC zeros', withKey(ecHeader, { x: zeros, y: zeros })],
      ['EC not on the curve', withKey(ecHeader, { x: ec.y, y: ec.x })],
      ['EC beyond the field', withKey(ecHeader, { x: `${'_'.repeat(42)}8`, y: ec.y })],
      ['EC y of another key', withKey(ecHeader, { y: makeJwk('ES256').y })],
      ['too long', { ...ecHeader, filler: 'x'.repeat(700) }],
      ['repeated, the last one bad', `${JSON.stringify(ecHeader).slice(0, -1)},"alg":"none"}`],
      ['repeated jwk', `${JSON.stringify(ecHeader).slice(0, -1)},"jwk":${JSON.stringify(ec)}}`],
      ['members only of the prototype', `{"__proto__":${JSON.stringify(ecHeader)}}`],
      [
        'a key only of the prototype',
        { ...ecHeader, jwk: JSON.parse(`{"__proto__":${JSON.stringify(ecHeader.jwk)}}`) },
      ],
      ...['', 'x', '[]', 'null', '1', '"x"', '{', '\uFEFF{}', '['.repeat(700)].map(
        (text): [string, unknown] => [`header ${text.slice(0, 9)}`, text],
      ),
    ],
    'invalid_dpop_proof',
    outcomeOf,
    'refused',
  )
})

t.test('Ed25519 keys of small order are refused: anyone can sign with them', async (t) => {
  const hex = (text: string) => Buffer.from(text, 'hex')
  const signs = (text: string) => [
    hex(text),
    hex(text.slice(0, 62) + (parseInt(text.slice(62), 16) | 128).toString(16)),
  ]
  const points = [
    ...signs('0000000000000000000000000000000000000000000000000000000000000000'),
    ...signs('0100000000000000000000000000000000000000000000000000000000000000'),
    ...signs('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
    ...signs('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
    ...signs('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
    ...signs('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
    ...signs('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
  ]
  let forgeable = 0
  for (const point of points) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }
    const text = Buffer.from('a proof that the holder of no key signed')
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    // Without a private key: S is zero, and R one of the eight points.
    if (points.some((r) => verify(null, text, key, Buffer.concat([r, Buffer.alloc(32)]))))
      forgeable++
    t.equal(outcomeOf({ ...edHeader, jwk }), 'invalid_dpop_proof', point.toString('hex'))
  }
  t.ok(forgeable >= 8, `OpenSSL accepts forgeries by ${forgeable} of ${points.length} keys`)
})

t.test('a refusal tells no key material', async (t) => {
  const secret = String(ec.d)
  try {
    importProofKey(encode({ ...ecHeader, jwk: ec }))
    t.fail('it is refused')
  } catch (error) {
    const { code, extras } = error as Problem
    t.equal(code, 'invalid_dpop_proof')
    t.notOk(JSON.stringify(extras).includes(secret))
  }
})

t.test('the cache keeps keys in use, and is bounded', async (t) => {
  const keys = createProofKeys(10)
  const key = (jkt: string): ProofKey => ({ jkt, verifies: () => false })
  t.equal(keys.find('a'), undefined)
  keys.remember('used', key('used'))
  for (let i = 0; i < 100; i++) {
    keys.remember(`h${i}`, key(`${i}`))
    if (i % 5 === 0) t.equal(keys.find('used')?.jkt, 'used')
  }
  const isKept = (i: number) => keys.find(`h${i}`) !== undefined
  t.strictSame([0, 50, 79].map(isKept), [false, false, false])
  t.strictSame([99, 95, 92].map(isKept), [true, true, true])
  for (const other of ['', 'H99', 'h99 ', '__proto__', 'constructor'])
    t.equal(keys.find(other), undefined, other)
})

t.test('signatures of another key are not valid', async (t) => {
  for (const [header, jwk, alg] of [
    [ecHeader, ec, 'ES256'],
    [edHeader, ed, 'EdDSA'],
  ] as const) {
    const key = importProofKey(encode(header))
    t.equal(key.verifies('a.b', signer(jwk)('a.b')), true)
    t.equal(key.verifies('a.b', signer(makeJwk(alg))('a.b')), false)
    t.equal(key.verifies('a.b', Buffer.alloc(0)), false)
  }
  const sha512 = signer(ec, 'sha512')('a.b')
  t.equal(importProofKey(encode(ecHeader)).verifies('a.b', sha512), false, 'another hash')
})
