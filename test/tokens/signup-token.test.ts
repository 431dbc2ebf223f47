import { createCipheriv, randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import { createSignupTokens } from '../../src/tokens/signup-token.js'
import { kinds, type TokenParts } from '../support/hostile-tokens.js'
import { hostileRows } from '../support/one-time-tokens.js'
import { everyRowIs, rejectionOf } from '../support/table.js'
import {
  algorithms,
  encode,
  forge,
  type Jwk,
  makeJwk,
  signer,
  thumbprint,
} from '../support/forge.js'
import { contentKey, open, seal } from '../support/seal.js'

const issuer = 'https://auth.example.org/v1'
const now = 1_767_323_045
const day = 86_400
const time = { seconds: now }
const clock = () => time.seconds * 1000
const person = {
  email: 'ada@example.org',
  name: 'Ada',
  passwordHash:
    '$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g',
}
const jwks = Object.fromEntries(algorithms.map((alg) => [alg, makeJwk(alg)])) as Record<
  (typeof algorithms)[number],
  Jwk
>
const parse = async (...keys: unknown[]) => await parseKeys(JSON.stringify({ keys }), 'test')
const ringOf = async (...keys: unknown[]) =>
  createKeyRing(await parse(...keys), { publishSeconds: 0, longestTokenSeconds: day, clock })
const tokensOf = async (...keys: unknown[]) =>
  createSignupTokens({ ring: await ringOf(...keys), issuer, clock })
t.beforeEach(() => {
  time.seconds = now
})

for (const alg of algorithms) {
  t.test(
    `what a token under a key for ${alg} says, to one who decrypts it by hand, and nothing else`,
    async (t) => {
      const jwk = jwks[alg]
      const { issue, verify, claimsKind } = await tokensOf(jwk)
      time.seconds = now + 0.999
      const token = await issue(person)
      const { header, payload } = open(token, contentKey(jwk))
      t.strictSame(header, { alg: 'dir', enc: 'A256GCM', kid: thumbprint(jwk), typ: 'signup+jwt' })
      t.match(payload.jti, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
      t.strictSame(payload, {
        iss: issuer,
        aud: `${issuer}/links`,
        iat: now,
        exp: now + day,
        jti: payload.jti,
        email: person.email,
        name: person.name,
        password_hash: person.passwordHash,
      })
      t.strictSame(await verify(token), { ...person, jti: payload.jti })
      t.ok(claimsKind(token))
      const again = open(await issue({ ...person, name: null }), contentKey(jwk))
      t.not(again.payload.jti, payload.jti)
      t.equal(again.payload.name, null)
      const expected = { ...person, jti: payload.jti }
      t.strictSame(
        await verify(seal(header, payload, contentKey(jwk))),
        expected,
        'and one that is made by hand is taken',
      )
      t.strictSame(
        await verify(seal(header, { ...payload, aud: issuer }, contentKey(jwk))),
        expected,
        'and one of the version that had the issuer as audience',
      )
      for (const secret of ['ada', 'argon2', 'Ada'])
        t.notOk(
          Buffer.from(token.replaceAll('.', ''), 'base64url').includes(secret),
          `no ${secret} to be read`,
        )
    },
  )
}

t.test('the vectors never repeat, and the same sign-up never looks the same', async (t) => {
  const { issue } = await tokensOf(jwks.ES256)
  const tokens = await Promise.all(Array.from({ length: 200 }, async () => await issue(person)))
  for (const part of [2, 3, 4])
    t.equal(new Set(tokens.map((token) => token.split('.')[part])).size, tokens.length)
})

t.test('the longest', async (t) => {
  const long = {
    email: `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.example`,
    name: '😀'.repeat(200),
    passwordHash: person.passwordHash,
  }
  const { issue, verify } = createSignupTokens({
    ring: await ringOf(jwks.ES256),
    issuer: `https://example.org/${'x'.repeat(480)}`,
    clock,
  })
  const token = await issue(long)
  t.ok(token.length > 3000 && token.length <= 4096, `${token.length} characters`)
  t.match(await verify(token), long)
})

t.test('times go by the clock, with leeway', async (t) => {
  const { issue, verify } = await tokensOf(jwks.ES256)
  const token = await issue(person)
  const { header, payload } = open(token, contentKey(jwks.ES256))
  const later = seal(header, { ...payload, nbf: now + 100 }, contentKey(jwks.ES256))
  const refused = { code: 'invalid_one_time_token' }
  for (const [name, one, seconds, fits] of [
    ['the last millisecond', token, now + day + 29.999, true],
    ['over', token, now + day + 30, false],
    ['from a clock that is ahead', token, now - 30, true],
    ['from the future', token, now - 30.001, false],
    ['not yet', later, now + 69.999, false],
    ['from then on', later, now + 70, true],
  ] as const) {
    time.seconds = seconds
    if (fits) t.match(await verify(one), person, name)
    else await t.rejects(verify(one), refused, name)
  }
})

t.test('the key is the one that the header names, as long as the ring has it', async (t) => {
  const [older, newer] = [makeJwk('ES256'), makeJwk('EdDSA')]
  const ring = await ringOf({ ...older, iat: now - 5 })
  const { issue, verify } = createSignupTokens({ ring, issuer, clock })
  const token = await issue(person)
  const both = await parse({ ...older, iat: now - 5 }, { ...newer, iat: now })
  ring.replace(both)
  t.match(await verify(token), person, 'after a rotation')
  t.equal(
    open(await issue(person), contentKey(newer)).header.kid,
    thumbprint(newer),
    'the newer makes the next',
  )
  const { header, payload } = open(token, contentKey(older))
  await t.rejects(
    verify(seal({ ...header, kid: thumbprint(newer) }, payload, contentKey(older))),
    { code: 'invalid_one_time_token' },
    'the key of another',
  )
  time.seconds = now + day + 60
  await t.rejects(
    verify(seal(header, { ...payload, exp: now + 10 * day }, contentKey(older))),
    { code: 'invalid_one_time_token' },
    'a retired key',
  )
  time.seconds = now
  ring.replace(both.slice(1))
  await t.rejects(verify(token), { code: 'invalid_one_time_token' }, 'a revoked key')
})

t.test('everything else is refused', async (t) => {
  const jwk = jwks.ES256
  const key = contentKey(jwk)
  const { issue, verify, claimsKind } = await tokensOf(
    { ...jwk, iat: now - 5 },
    { ...makeJwk('EdDSA'), iat: now - 9 },
  )
  const token = await issue(person)
  const { header, payload } = open(token, contentKey(jwk))
  const [head = '', , iv = '', sealed = '', tag = ''] = token.split('.')
  const sealedWith = (changes: object) => seal(header, { ...payload, ...changes }, key)
  const headed = (changes: object) => seal({ ...header, ...changes }, payload, key)
  const flip = (part: string, at: number) =>
    encode(
      Buffer.from(
        Buffer.from(part, 'base64url').map((byte, index) => (index === at ? byte ^ 1 : byte)),
      ),
    )
  const cbcIv = randomBytes(16)
  const ctr = createCipheriv('aes-256-ctr', key, cbcIv)
  const make: TokenParts['make'] = (changes = {}) =>
    forge(
      { typ: 'signup+jwt', alg: 'ES256', kid: header.kid, ...changes.header },
      { ...payload, ...changes.claims },
      changes.sign ?? signer(jwk),
    )
  const rows: Array<[string, string]> = [
    ...hostileRows({
      make,
      header: { typ: 'signup+jwt', alg: 'ES256', kid: header.kid },
      claims: payload,
      jwk,
    }),
    ['signed, not encrypted', make()],
    ...[
      ...kinds.filter((kind) => kind !== 'signup+jwt'),
      'JWT',
      'SIGNUP+JWT',
      'application/signup+jwt',
      '',
      undefined,
      null,
      5,
      ['signup+jwt'],
    ].map((typ): [string, string] => [`typ ${String(typ)}`, headed({ typ })]),
    ...[
      'A256KW',
      'A256GCMKW',
      'RSA-OAEP',
      'ECDH-ES',
      'PBES2-HS256+A128KW',
      'none',
      'DIR',
      '',
      undefined,
      null,
      5,
      ['dir'],
    ].map((alg): [string, string] => [`alg ${String(alg)}`, headed({ alg })]),
    ...[
      'A128GCM',
      'A192GCM',
      'A256CBC-HS512',
      'A128CBC-HS256',
      'none',
      'a256gcm',
      '',
      undefined,
      null,
      5,
    ].map((enc): [string, string] => [`enc ${String(enc)}`, headed({ enc })]),
    ...[
      '',
      'x',
      '__proto__',
      'constructor',
      `${header.kid as string} `,
      undefined,
      null,
      5,
      [header.kid],
      {},
    ].map((kid): [string, string] => [`kid ${JSON.stringify(kid)}`, headed({ kid })]),
    ...[
      { crit: ['exp'], exp: 1 },
      { crit: [] },
      { zip: 'DEF' },
      { x: 1 },
      { cty: 'JWT' },
      { epk: {} },
      { p2c: 1 },
      { iss: issuer },
      { jwk: {} },
    ].map((more): [string, string] => [`header ${JSON.stringify(more)}`, headed(more)]),
    ['a bomb', seal({ ...header, zip: 'DEF' }, deflateRawSync(Buffer.alloc(200_000, 32)), key)],
    ...['[]', 'null', '"x"', '{}', '{', ''].flatMap((text): Array<[string, string]> => [
      [`header ${text}`, seal(text, payload, key)],
      [`payload ${text}`, seal(header, text, key)],
    ]),
    ['a payload that is no UTF-8', seal(header, Buffer.from('{"x":"\xff"}', 'latin1'), key)],
    ...['iss', 'aud', 'iat', 'exp', 'jti', 'email', 'name', 'password_hash'].map(
      (name): [string, string] => [`no ${name}`, sealedWith({ [name]: undefined })],
    ),
    ...['iss', 'aud', 'jti', 'email', 'password_hash'].flatMap((name) =>
      [null, 5, true, '', {}, []].map((value): [string, string] => [
        `${name} ${JSON.stringify(value)}`,
        sealedWith({ [name]: value }),
      ]),
    ),
    ...[5, true, '', {}, ['Ada']].map((name): [string, string] => [
      `name ${JSON.stringify(name)}`,
      sealedWith({ name }),
    ]),
    ...['iat', 'exp', 'nbf'].flatMap((name) =>
      [null, String(now), now + 0.5, -1, {}, [now]].map((value): [string, string] => [
        `${name} ${JSON.stringify(value)}`,
        sealedWith({ [name]: value }),
      ]),
    ),
    ['another issuer', sealedWith({ iss: 'https://evil.example' })],
    ['another audience', sealedWith({ aud: 'https://evil.example' })],
    ['the audience of refresh tokens', sealedWith({ aud: `${issuer}/refresh` })],
    ['audiences of others', sealedWith({ aud: ['x', 'y'] })],
    ['a key of zeros', seal(header, payload, Buffer.alloc(32))],
    ['a strange key', seal(header, payload, contentKey(makeJwk('ES256')))],
    ['the private key itself', seal(header, payload, Buffer.from(String(jwk.d), 'base64url'))],
    [
      'another cipher',
      [
        head,
        '',
        encode(cbcIv),
        encode(Buffer.concat([ctr.update(JSON.stringify(payload)), ctr.final()])),
        tag,
      ].join('.'),
    ],
    ...[0, 40, 100].map((at): [string, string] => [
      `bit ${at * 8} of what is encrypted`,
      [head, '', iv, flip(sealed, at), tag].join('.'),
    ]),
    ...[0, 15].map((at): [string, string] => [
      `byte ${at} of the tag`,
      [head, '', iv, sealed, flip(tag, at)].join('.'),
    ]),
    ['byte 0 of the vector', [head, '', flip(iv, 0), sealed, tag].join('.')],
    ['a short tag', [head, '', iv, sealed, tag.slice(0, 16)].join('.')],
    ['no tag', [head, '', iv, sealed, ''].join('.')],
    ['no vector', [head, '', '', sealed, tag].join('.')],
    ['nothing encrypted', [head, '', iv, '', tag].join('.')],
    ['an encrypted key', [head, encode(randomBytes(32)), iv, sealed, tag].join('.')],
    [
      'another spelling of the tag',
      `${token.slice(0, -1)}${String.fromCharCode(token.charCodeAt(token.length - 1) + 1)}`,
    ],
    ['a space', `${token} `],
    ['padded', `${token}==`],
    ['six parts', `${token}.AA`],
    ['four parts', [head, iv, sealed, tag].join('.')],
    ['too long', `${head}..${iv}.${'A'.repeat(5000)}.${tag}`],
    ['JSON serialisation', JSON.stringify({ protected: head, iv, ciphertext: sealed, tag })],
    ['nothing', ''],
    ['no token', 'x'],
  ]
  await everyRowIs(
    t,
    rows,
    'invalid_one_time_token',
    async (bad) => await rejectionOf(verify(bad)),
    'hostile tokens are refused',
  )
  for (const [name, other] of [
    ['another typ', headed({ typ: 'verify+jwt' })],
    ['no token', 'x'],
    ['nothing', ''],
    ['a header that is no object', seal('[]', payload, key)],
  ] as const)
    t.notOk(claimsKind(other), name)
  t.match(await verify(token), person, 'the token that they were made of is good')
})
