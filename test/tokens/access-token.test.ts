import t from 'tap'
import { createAccessTokens } from '../../src/tokens/access-token.js'
import { createKeyRing } from '../../src/keys/key-ring.js'
import { parseKeys } from '../../src/keys/signing-key.js'
import { leewaySeconds } from '../../src/keys/key-ring.js'
import { algorithms, decode, makeJwk, thumbprint } from '../support/forge.js'

const issuer = 'https://auth.example.org/v1'
const audience = 'https://api.example.org'
const id = '0197c9a4-7d3e-7c2a-b2de-0b0e4dca1fd1'
const account = { id, roles: '[]', claims: '{}', accessVersion: 0 }
const now = Math.floor(Date.now() / 1000)
const lifeSeconds = 600
const time = { seconds: now }
const clock = () => time.seconds * 1000
const jwks = Object.fromEntries(algorithms.map((alg) => [alg, makeJwk(alg)]))
const ringOf = async (...keys: unknown[]) =>
  createKeyRing(await parseKeys(JSON.stringify({ keys }), 'test'), {
    publishSeconds: 1200,
    longestTokenSeconds: 600,
    clock,
  })
const tokensOf = async (...keys: unknown[]) =>
  createAccessTokens({ ring: await ringOf(...keys), issuer, audience, lifeSeconds, clock })
t.beforeEach(() => {
  time.seconds = now
})

for (const alg of algorithms) {
  t.test(`what an ${alg} token says, and nothing else`, async (t) => {
    const { issue, rules } = await tokensOf(jwks[alg])
    time.seconds = now + 0.999
    const { accessToken, expiresIn } = issue(account, { authTime: now - 60, sid: 'a-login' })
    const { header, payload } = decode(accessToken)
    t.equal(expiresIn, lifeSeconds)
    t.strictSame(header, { alg, typ: 'at+jwt', kid: thumbprint(jwks[alg] ?? {}) })
    t.match(payload.jti, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    t.strictSame(payload, {
      iss: issuer,
      sub: id,
      aud: audience,
      iat: now,
      exp: now + lifeSeconds,
      jti: payload.jti,
      auth_time: now - 60,
      client_id: 'latchkey',
      sid: 'a-login',
    })
    t.ok(accessToken.length < (alg === 'RS256' ? 1024 : 600), `${accessToken.length} bytes`)
    t.strictSame(rules.check(payload), payload)
    t.equal(rules.keyFor(header).kid, header.kid)
  })
}

t.test('a token carries roles, version and own claims, each only if there is one', async (t) => {
  const { issue, rules } = await tokensOf(jwks.ES256)
  const login = { authTime: now, sid: 'a-login' }
  const jkt = 'k'.repeat(43)
  const payloadOf = (change: Partial<typeof account>, key?: string) => {
    const { payload } = decode(issue({ ...account, ...change }, login, key).accessToken)
    t.strictSame(rules.check(payload), payload, 'our own rules accept it')
    const { jti, ...rest } = payload
    t.type(jti, 'string')
    return rest
  }
  const standard = {
    iss: issuer,
    aud: audience,
    sub: id,
    client_id: 'latchkey',
    iat: now,
    exp: now + lifeSeconds,
    auth_time: now,
    sid: 'a-login',
  }
  t.strictSame(payloadOf({}), standard)
  t.strictSame(payloadOf({ roles: '["editor","billing.read"]' }), {
    ...standard,
    roles: ['editor', 'billing.read'],
  })
  t.strictSame(payloadOf({ accessVersion: 3 }), { ...standard, ver: 3 })
  t.strictSame(
    payloadOf({ claims: '{"plan":"gold","tenant":{"id":5}}', roles: '["editor"]' }, jkt),
    { ...standard, plan: 'gold', tenant: { id: 5 }, roles: ['editor'], cnf: { jkt } },
  )
})

t.test('own claims never replace a claim that verifiers trust', async (t) => {
  const { issue } = await tokensOf(jwks.ES256)
  const login = { authTime: now, sid: 'a-login' }
  const plain = decode(issue(account, login).accessToken)
  // As if the column had been edited by hand: the store refuses these names.
  const forged = {
    ...Object.fromEntries(
      'iss sub aud exp nbf iat jti cnf auth_time client_id sid roles scope ver epoch email typ kid'
        .split(' ')
        .map((name) => [name, name === 'roles' ? ['admin'] : 'forged']),
    ),
    cnf: { jkt: 'k'.repeat(43) },
    plan: 'gold',
  }
  const claims = JSON.stringify(forged).replace('{', '{"__proto__":{"roles":["admin"]},')
  const { header, payload } = decode(issue({ ...account, claims }, login).accessToken)
  t.strictSame(header, plain.header)
  t.strictSame(payload, { ...plain.payload, jti: payload.jti, plan: 'gold' })
  t.not(payload.jti, 'forged')
})

t.test('the longest roles and claims fit a token', async (t) => {
  const { issue } = await tokensOf(jwks.ES256)
  const roles = JSON.stringify(
    Array.from({ length: 16 }, (_none, index) => `r${index}`.padEnd(12, 'x')),
  )
  const claims = JSON.stringify({ note: 'x'.repeat(289) })
  const { accessToken } = issue(
    { id, roles, claims, accessVersion: 2 ** 31 - 1 },
    { authTime: now, sid: 'q2Yk0c3m9hZ8TtVwLr1xGA' },
  )
  t.ok(accessToken.length < 1500, `${accessToken.length} bytes`)
})

t.test('no two tokens have the same jti', async (t) => {
  const { issue } = await tokensOf(jwks.EdDSA)
  const ids = Array.from(
    { length: 100 },
    () => decode(issue(account, { authTime: now, sid: 'a-login' }).accessToken).payload.jti,
  )
  t.equal(new Set(ids).size, 100)
})

t.test(
  'a newer key signs once its time has come, and the tokens of the older one still verify',
  async (t) => {
    const { issue, rules } = await tokensOf({ ...jwks.ES256, iat: 0 }, { ...jwks.EdDSA, iat: now })
    const before = decode(issue(account, { authTime: now, sid: 'a-login' }).accessToken).header
    time.seconds += 1200
    const after = decode(issue(account, { authTime: now, sid: 'a-login' }).accessToken).header
    t.strictSame(
      [before, after].map(({ alg }) => alg),
      ['ES256', 'EdDSA'],
    )
    for (const header of [before, after]) t.equal(rules.keyFor(header).alg, header.alg)
  },
)

t.test('the key is the one that kid names, for its own algorithm', async (t) => {
  const { rules } = await tokensOf(...Object.values(jwks))
  const kid = thumbprint(jwks.ES256 ?? {})
  const good = { alg: 'ES256', kid, typ: 'at+jwt' }
  t.equal(rules.keyFor({ ...good, jku: 'https://evil.example', jwk: {} }).kid, kid)
  const rows: Array<Record<string, unknown>> = [
    {},
    { alg: 'ES256' },
    { kid },
    { ...good, alg: 'EdDSA' },
    { ...good, alg: 'RS256' },
    { ...good, alg: 'HS256' },
    { ...good, alg: 'none' },
    { ...good, alg: 'es256' },
    { ...good, alg: ['ES256'] },
    { ...good, alg: null },
    { ...good, kid: `${kid} ` },
    { ...good, kid: [kid] },
    { ...good, kid: { toString: () => kid } },
    { ...good, kid: 0 },
    { ...good, kid: '' },
    { ...good, kid: '__proto__' },
    { ...good, crit: [] },
    { ...good, crit: ['exp'], exp: 1 },
    { ...good, crit: undefined },
  ]
  for (const header of rows)
    t.throws(
      () => rules.keyFor(header),
      { name: 'Problem', code: 'invalid_token' },
      JSON.stringify(header),
    )
})

t.test('the times of a token, to the edge of the leeway', async (t) => {
  const { rules } = await tokensOf(jwks.ES256)
  const claims = {
    iss: issuer,
    sub: id,
    aud: audience,
    iat: now,
    exp: now + lifeSeconds,
    jti: 'x',
    auth_time: now,
  }
  const end = now + lifeSeconds + leewaySeconds
  const rows: Array<[string, object, number, boolean]> = [
    ['the last millisecond', {}, end - 0.001, true],
    ['its end', {}, end, false],
    ['long after', {}, end + 1e9, false],
    ['issued by a clock that is ahead', {}, now - leewaySeconds, true],
    ['issued by a clock that is too far ahead', {}, now - leewaySeconds - 0.001, false],
    ['not before a moment within the leeway', { nbf: now + 100 }, now + 100 - leewaySeconds, true],
    ['not before a later moment', { nbf: now + 100 }, now + 100 - leewaySeconds - 0.001, false],
    ['an old nbf does not stretch iat', { nbf: 0 }, now - leewaySeconds - 0.001, false],
    ['ends before it begins', { exp: now - 100 }, now, false],
  ]
  for (const [name, change, seconds, valid] of rows) {
    time.seconds = seconds
    const check = () => rules.check({ ...claims, ...change })
    if (valid) t.strictSame(check(), { ...claims, ...change }, name)
    else t.throws(check, { name: 'Problem', code: 'invalid_token' }, name)
  }
})

t.test('every claim has its type', async (t) => {
  const { rules } = await tokensOf(jwks.ES256)
  const claims = {
    iss: issuer,
    sub: id,
    aud: audience,
    iat: now,
    exp: now + lifeSeconds,
    jti: 'x',
    auth_time: now,
    nbf: now,
  }
  t.strictSame(rules.check({ ...claims, aud: [audience], extra: { any: 'thing' } }), {
    ...claims,
    aud: [audience],
    extra: { any: 'thing' },
  })
  t.strictSame(
    rules.check({ ...claims, client_id: 'latchkey' }),
    { ...claims, client_id: 'latchkey' },
    'with and, for tokens of an earlier version, without a client',
  )
  t.strictSame(
    rules.check({ ...claims, roles: ['admin', 'a.b_c-1'], ver: 0 }),
    { ...claims, roles: ['admin', 'a.b_c-1'], ver: 0 },
    'with roles and version',
  )
  const wrong: Record<string, unknown[]> = {
    iss: [undefined, null, 5, [issuer]],
    sub: [
      undefined,
      null,
      5,
      '',
      {},
      [id],
      'x',
      `${id}\0`,
      `${id}\n`,
      ` ${id}`,
      id.toUpperCase(),
      'ada@example.org',
    ],
    aud: [undefined, null, 5, {}, [5], [audience, null]],
    ...Object.fromEntries(
      ['iat', 'exp', 'auth_time', 'nbf'].map((claim) => [
        claim,
        [null, '5', 1.5, -1, Infinity, true, {}, [now]],
      ]),
    ),
    jti: [undefined, null, 5, '', {}],
    client_id: [null, 5, '', 'other', ['latchkey'], {}],
    sid: [null, 5, '', 'x'.repeat(101), [], {}],
    cnf: [null, 'x', [], {}, { jkt: null }, { jkt: 'x' }, { jkt: ` ${'x'.repeat(43)}` }],
    roles: [
      null,
      'admin',
      5,
      true,
      {},
      { 0: 'admin' },
      [5],
      [null],
      [['admin']],
      ['admin', 5],
      [''],
      ['Admin'],
      ['editor,admin'],
      ['admin\r\nx-latchkey-subject: x'],
      ['admin\n'],
      ['x'.repeat(33)],
      Array.from({ length: 17 }, (_none, index) => `r${index}`),
    ],
    ver: [null, '1', 1.5, -1, Infinity, true, {}, [1]],
  }
  for (const [claim, values] of Object.entries(wrong)) {
    for (const value of values)
      t.throws(
        () => rules.check({ ...claims, [claim]: value }),
        { code: 'invalid_token' },
        `${claim}: ${JSON.stringify(value)}`,
      )
  }
  for (const payload of [undefined, null, '', 'x', 5, true, [], [claims], {}])
    t.throws(() => rules.check(payload), { code: 'invalid_token' }, JSON.stringify(payload))
})
