import { createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose'
import t from 'tap'
import { listen } from '../support/send.js'
import { buildTestApp, frozenNow } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { algorithms, makeJwk, publicPart, thumbprint } from '../support/forge.js'

const issuer = 'http://localhost:3000'
const audience = 'https://api.example.org'
// The package has no types of its own.
const jsonwebtoken = createRequire(import.meta.url)('jsonwebtoken') as {
  verify: (token: string, key: unknown, rules: object) => Record<string, unknown>
}
const env = { TOKEN_AUDIENCE: audience }

for (const alg of algorithms) {
  t.test(`another library verifies our ${alg} tokens from what we publish`, async (t) => {
    const jwk = makeJwk(alg)
    const { app, call, signup, time } = await buildTestApp(t, { keys: [jwk], env })
    const { access_token: token, user } = await signup()
    const rules = {
      issuer,
      audience,
      typ: 'at+jwt',
      algorithms: [alg],
      requiredClaims: ['sub', 'jti', 'iat', 'exp', 'auth_time'],
      currentDate: new Date(time.now),
    }

    const served = await call('GET', '/.well-known/jwks.json')
    t.match(served.headers, {
      'cache-control': 'public, max-age=600',
      'content-type': 'application/json; charset=utf-8',
    })
    t.strictSame(
      served.json(),
      { keys: [{ ...publicPart(jwk), kid: thumbprint(jwk), alg, use: 'sig' }] },
      'public members and nothing else',
    )

    const { port } = await listen(t, app)
    const sets = [
      createLocalJWKSet(served.json<JSONWebKeySet>()),
      createRemoteJWKSet(new URL(`http://127.0.0.1:${port}/.well-known/jwks.json`)),
    ]
    for (const set of sets) {
      const { payload, protectedHeader } = await jwtVerify(token, set, rules)
      t.strictSame(protectedHeader, { alg, typ: 'at+jwt', kid: thumbprint(jwk) })
      t.match(payload, { iss: issuer, aud: audience, sub: user.id })
      await t.rejects(
        jwtVerify(token, set, { ...rules, audience: issuer }),
        errors.JWTClaimValidationFailed,
      )
      await t.rejects(
        jwtVerify(token, set, { ...rules, typ: 'rt+jwt' }),
        errors.JWTClaimValidationFailed,
      )
      await t.rejects(
        jwtVerify(token, set, { ...rules, currentDate: new Date(time.now + 600_000) }),
        errors.JWTExpired,
      )
    }
  })
}

t.test(
  'a ring of all kinds is published whole, and the kid of a token finds its key',
  async (t) => {
    const { call, signup, time, config, jwks } = await buildTestApp(t, {
      keys: algorithms.map((alg, index) => ({
        ...makeJwk(alg),
        iat: frozenNow / 1000 - 30_000 + index * 10_000,
      })),
      env,
    })
    const served = (await call('GET', '/.well-known/jwks.json')).json<JSONWebKeySet>()
    t.strictSame(
      served.keys.map(({ kid }) => kid),
      jwks.keys.map(thumbprint).reverse(),
    )
    t.notMatch(JSON.stringify(served), /"(d|p|q|dp|dq|qi|oth|k|iat)":/)
    const { access_token: token } = await signup()
    t.match(decodeProtectedHeader(token), { alg: 'RS256', kid: served.keys[0]?.kid })
    await jwtVerify(token, createLocalJWKSet(served), {
      issuer,
      audience,
      typ: 'at+jwt',
      currentDate: new Date(time.now),
    })
    const [, maxAge] =
      /max-age=(\d+)/.exec(
        String((await call('GET', '/.well-known/jwks.json')).headers['cache-control']),
      ) ?? []
    t.ok(Number(maxAge) < config.KEY_PUBLISH_SECONDS, 'a new key is in every cache before it signs')
  },
)

for (const alg of ['ES256', 'RS256'] as const) {
  for (const [env, audience] of [
    [{ TOKEN_AUDIENCE: 'https://api.example.org' }, 'https://api.example.org'],
    [{}, issuer],
  ] as const) {
    t.test(
      `jsonwebtoken, which does not check typ, verifies our ${alg} access tokens for ${audience} and nothing else`,
      async (t) => {
        const { call, signup, nextMail, time } = await buildTestApp(t, {
          keys: [makeJwk(alg)],
          env,
        })
        const { access_token: token, refresh_token: refreshToken, user } = await signup()
        const [jwk] = (await call('GET', '/.well-known/jwks.json')).json<JSONWebKeySet>().keys
        const key = createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
        const rules = { algorithms: [alg], issuer, audience, clockTimestamp: time.now / 1000 }
        t.match(jsonwebtoken.verify(token, key, rules), { sub: user.id, aud: audience })
        for (const [name, bad, change] of [
          ['a refresh token, by its audience', refreshToken, {}],
          [
            'the token of a link, by its audience',
            tokenOf(await nextMail(user.email, 'Confirm your e-mail')),
            {},
          ],
          ['another audience', token, { audience: 'urn:other' }],
          ['over', token, { clockTimestamp: time.now / 1000 + 600 }],
          ['another signature', `${token.slice(0, -20)}${'A'.repeat(20)}`, {}],
        ] as const)
          t.throws(() => jsonwebtoken.verify(bad, key, { ...rules, ...change }), name)
      },
    )
  }
}
