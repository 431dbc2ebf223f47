import { generateKeyPairSync, sign, verify } from 'node:crypto'
import t from 'tap'
import { generateKey, KeyRingError, parseKeys } from '../../src/keys/signing-key.js'
import { algorithms, type Jwk, makeJwk, publicPart, thumbprint } from '../support/forge.js'

const es256 = makeJwk('ES256')
const eddsa = makeJwk('EdDSA')
const rs256 = makeJwk('RS256')
const set = (...keys: unknown[]) => JSON.stringify({ keys })
const jwkOf = ({
  privateKey,
}: {
  privateKey: { export: (options: { format: 'jwk' }) => object }
}) => privateKey.export({ format: 'jwk' }) as Jwk
const standard = (member: unknown) => Buffer.from(member as string, 'base64url').toString('base64')
const withLeadingZero = (member: unknown) =>
  Buffer.concat([Buffer.alloc(1), Buffer.from(member as string, 'base64url')]).toString('base64url')
const evened = (member: unknown) =>
  Buffer.concat([
    Buffer.from(member as string, 'base64url').subarray(0, -1),
    Buffer.alloc(1),
  ]).toString('base64url')
const bytes = (value: number, count = 32) => Buffer.alloc(count, value).toString('base64url')
const unfit = /do not match/
const damaged = /is damaged/

const refused: Array<[string, string, RegExp]> = [
  ['no text', '', /is not JSON/],
  ['a PEM', '-----BEGIN PRIVATE KEY-----', /is not JSON/],
  ['a byte order mark', `\ufeff${set(es256)}`, /is not JSON/],
  ['null', 'null', /has no keys/],
  ['a string', '"keys"', /has no keys/],
  ['an array', JSON.stringify([es256]), /has no keys/],
  ['a key on its own', JSON.stringify(es256), /has no keys/],
  ['an empty set', set(), /has no keys/],
  ['an object as the set', '{"keys":{"0":{}}}', /has no keys/],
  ['null as a key', set(null), /Key 1 .* is not a JWK/],
  ['a string as a key', set('secret'), /is not a JWK/],
  ['an array as a key', set([es256]), /is not a JWK/],
  ['a bad key after a good one', set(es256, null), /Key 2 .* is not a JWK/],
  ['a shared secret', set({ kty: 'oct', k: bytes(1) }), /is a shared secret/],
  ['a shared secret with "d"', set({ kty: 'oct', k: bytes(1), d: bytes(1) }), /is a shared secret/],
  ...[es256, eddsa, rs256].map((jwk): [string, string, RegExp] => [
    `a public ${String(jwk.kty)} key`,
    set(publicPart(jwk)),
    /has no private part/,
  ]),
  ['a number as "d"', set({ ...es256, d: 5 }), /has no private part/],
  ['for encryption', set({ ...es256, use: 'enc' }), /is not for signing \("use"/],
  ['null as "use"', set({ ...es256, use: null }), /is not for signing \("use"/],
  ['to verify only', set({ ...es256, key_ops: ['verify'] }), /is not for signing \("key_ops"/],
  ['no "key_ops" at all', set({ ...es256, key_ops: [] }), /is not for signing \("key_ops"/],
  ['"key_ops" as a string', set({ ...es256, key_ops: 'sign' }), /is not for signing \("key_ops"/],
  ...[-1, 1.5, 1e20, 1767323045000, '1', null, true].map((iat): [string, string, RegExp] => [
    `${iat} as "iat"`,
    set({ ...es256, iat }),
    /"iat"/,
  ]),
  ['another "alg" on ES256', set({ ...es256, alg: 'ES384' }), /must have "alg": "ES256"/],
  ['HS256 on ES256', set({ ...es256, alg: 'HS256' }), /must have "alg": "ES256"/],
  ['null as "alg"', set({ ...es256, alg: null }), /must have "alg": "ES256"/],
  ['ES256 on Ed25519', set({ ...eddsa, alg: 'ES256' }), /must have "alg": "EdDSA"/],
  ['PS256 on RSA', set({ ...rs256, alg: 'PS256' }), /must have "alg": "RS256"/],
  ['another "kid"', set({ ...es256, kid: 'mine' }), /thumbprint/],
  ['the "kid" of another key', set({ ...es256, kid: thumbprint(eddsa) }), /thumbprint/],
  ['null as "kid"', set({ ...es256, kid: null }), /thumbprint/],
  ['RSA of 2048 bits', set(jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))), /too weak/],
  ['RSA with exponent 1', set({ ...rs256, e: 'AQ', d: 'AQ', dp: 'AQ', dq: 'AQ' }), /too weak/],
  [
    'RSA with exponent 3',
    set(jwkOf(generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 3 }))),
    /too weak/,
  ],
  ['EC P-384', set(jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))), /unsupported kind/],
  [
    'EC secp256k1',
    set(jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))),
    /unsupported kind/,
  ],
  ['Ed448', set(jwkOf(generateKeyPairSync('ed448'))), /unsupported kind/],
  ['X25519', set(jwkOf(generateKeyPairSync('x25519'))), /unsupported kind/],
  ['an unknown "kty"', set({ ...es256, kty: 'ec' }), damaged],
  ['the name of another curve', set({ ...es256, crv: 'P-384' }), damaged],
  ['RSA without primes', set({ ...publicPart(rs256), d: rs256.d }), damaged],
  ['no "y"', set({ ...es256, y: undefined }), damaged],
  ['an "x" off the curve', set({ ...es256, x: bytes(1) }), damaged],
  ['a "y" off the curve', set({ ...es256, y: bytes(1) }), damaged],
  ['a short Ed25519 "d"', set({ ...eddsa, d: bytes(1, 31) }), damaged],
  ['an empty "d"', set({ ...es256, d: '' }), unfit],
  ['zero as "d"', set({ ...es256, d: bytes(0) }), unfit],
  ['a "d" beyond the order of the curve', set({ ...es256, d: bytes(255) }), unfit],
  ['the "d" of another key', set({ ...es256, d: makeJwk('ES256').d }), unfit],
  ['the "x" of another Ed25519 key', set({ ...eddsa, x: makeJwk('EdDSA').x }), unfit],
  ['no Ed25519 "x"', set({ ...eddsa, x: undefined }), damaged],
  ['the "e" of another RSA key', set({ ...rs256, e: 'AQAD' }), unfit],
  ['an even RSA "n"', set({ ...rs256, n: evened(rs256.n) }), unfit],
  ['padding in EC "x"', set({ ...es256, x: standard(es256.x) }), unfit],
  ['a space in EC "y"', set({ ...es256, y: ` ${es256.y as string}` }), unfit],
  ['padding in Ed25519 "x"', set({ ...eddsa, x: standard(eddsa.x) }), unfit],
  ['a zero before RSA "n"', set({ ...rs256, n: withLeadingZero(rs256.n) }), unfit],
  ['the same key twice', set(es256, eddsa, { ...es256, iat: 5 }), /the same key twice/],
]

t.test('what must not sign stops the start, and the message shows nothing of it', async (t) => {
  for (const [name, text, message] of refused) {
    const error = await parseKeys(text, 'KEYS').then(
      () => null,
      (error: unknown) => error,
    )
    t.ok(
      error instanceof KeyRingError &&
        error.name === 'KeyRingError' &&
        message.test(error.message) &&
        error.message.includes('KEYS'),
      `${name}: ${String(error)}`,
    )
    for (const secret of [es256.d, es256.x, eddsa.d, rs256.d])
      t.notOk(String(error).includes(secret as string), name)
  }
})

t.test('keys of all three algorithms', async (t) => {
  const bare = [es256, eddsa, rs256]
  const full = bare.map((jwk, index) => ({
    ...jwk,
    kid: thumbprint(jwk),
    alg: algorithms[index],
    use: 'sig',
    key_ops: ['sign', 'verify'],
    iat: 5 + index,
    note: 'spare',
  }))
  for (const [keys, createdAt] of [
    [bare, [0, 0, 0]],
    [full, [5, 6, 7]],
  ] as const) {
    const parsed = await parseKeys(` \r\n\t${set(...keys)}\n`, 'KEYS')
    t.strictSame(
      parsed.map(({ kid, alg, createdAt, publicJwk }) => ({ kid, alg, createdAt, publicJwk })),
      bare.map((jwk, index) => {
        const [kid, alg] = [thumbprint(jwk), algorithms[index]]
        return {
          kid,
          alg,
          createdAt: createdAt[index],
          publicJwk: { ...publicPart(jwk), kid, alg, use: 'sig' },
        }
      }),
      'public members and nothing else',
    )
    for (const { privatePem, publicPem } of parsed) {
      t.match(privatePem, /^-----BEGIN PRIVATE KEY-----/)
      t.match(publicPem, /^-----BEGIN PUBLIC KEY-----/)
    }
  }
})

t.test('known answers of RFC 8037, appendix A', async (t) => {
  const [key] = await parseKeys(
    set({
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    }),
    'RFC 8037',
  )
  t.equal(key?.kid, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  const input = Buffer.from('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc')
  const signature =
    'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
  t.equal(sign(null, input, key?.privatePem ?? '').toString('base64url'), signature)
  t.ok(verify(null, input, key?.publicPem ?? '', Buffer.from(signature, 'base64url')))
})

t.test('known answer of RFC 7515, appendix A.3', async (t) => {
  const [key] = await parseKeys(
    set({
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
    }),
    'RFC 7515',
  )
  const input = Buffer.from(
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
  )
  const signature = Buffer.from(
    'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
    'base64url',
  )
  t.ok(verify('sha256', input, { key: key?.publicPem ?? '', dsaEncoding: 'ieee-p1363' }, signature))
})

t.test('a generated key is a complete ES256 key that parses, and no two are alike', async (t) => {
  const [one, two] = [await generateKey(5), await generateKey(5)]
  t.strictSame(Object.keys(one).sort(), ['alg', 'crv', 'd', 'iat', 'kid', 'kty', 'use', 'x', 'y'])
  t.match(one, { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', iat: 5, kid: thumbprint(one) })
  t.not(one.kid, two.kid)
  t.match(await parseKeys(set(one, two), 'generated'), [
    { kid: one.kid, createdAt: 5 },
    { kid: two.kid },
  ])
})
