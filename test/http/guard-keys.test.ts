import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { frozenNow, buildTestApp } from '../helper.js'
import {
  algorithms,
  decode,
  forge,
  hmac,
  makeJwk,
  publicPart,
  signer,
  thumbprint,
} from '../support/forge.js'
import { buildForger, refused } from '../support/forger.js'

for (const alg of algorithms) {
  t.test(`no spelling of the public ${alg} key is a shared secret`, async (t) => {
    const { call, ring, jwk, header, make, refuses } = await buildForger(t, alg)
    const { publicPem: pem, publicJwk, kid } = ring.signingKey()
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    const jwks = (await call('GET', '/.well-known/jwks.json')).body
    const spellings: Record<string, string | Buffer> = {
      PEM: pem,
      'PEM without the last line end': pem.trim(),
      'PEM with CRLF': pem.replaceAll('\n', '\r\n'),
      'PEM in one line': pem.replaceAll('\n', ''),
      'PEM after a line end': `\n${pem}`,
      'PEM after spaces': ` \n${pem}`,
      'PEM after a comment': `#c\n${pem}`,
      'PEM after a byte order mark': `\ufeff${pem}`,
      'PEM in base64': Buffer.from(pem).toString('base64'),
      'PEM without its frame': pem.replace(/-----[^-]+-----/g, '').trim(),
      DER: der,
      'DER in base64': der.toString('base64'),
      'JWK as published': JSON.stringify(publicJwk),
      'JWK alone': JSON.stringify(publicPart(jwk)),
      'JWK, indented': JSON.stringify(publicJwk, null, 2),
      'JWKS as published': jwks,
      'JWKS, indented': JSON.stringify(JSON.parse(jwks), null, 2),
      kid,
      'a public member': String(jwk.x ?? jwk.n),
      'the bytes of a public member': Buffer.from(String(jwk.x ?? jwk.n), 'base64url'),
      nothing: '',
      'the word undefined': 'undefined',
    }
    t.match(header, { alg, kid })
    for (const [name, secret] of Object.entries(spellings)) {
      for (const bits of [256, 384, 512]) {
        const sign = hmac(secret, `sha${bits}`)
        await refuses(t, `${name}, HS${bits}`, make({ header: { alg: `HS${bits}` }, sign }))
        await refuses(t, `${name}, HS${bits} as ${alg}`, make({ sign }))
      }
      await refuses(
        t,
        `${name}, no kid`,
        make({ header: { alg: 'HS256', kid: undefined }, sign: hmac(secret) }),
      )
    }
  })
}

t.test(
  'in a ring of all kinds, each key verifies its own algorithm under its own kid',
  async (t) => {
    const keys = algorithms
      .map((alg) => ({ alg, jwk: makeJwk(alg) }))
      .map(({ alg, jwk }) => ({ alg, jwk, kid: thumbprint(jwk) }))
    const { call, signup, logText } = await buildTestApp(t, { keys: keys.map(({ jwk }) => jwk) })
    const { access_token: token, user } = await signup()
    const { payload } = decode(token)
    for (const [signing, algorithm, named] of keys.flatMap((a) =>
      keys.flatMap((b) => keys.map((c) => [a, b, c] as const)),
    )) {
      const name = `signed by ${signing.alg}, alg ${algorithm.alg}, kid of ${named.alg}`
      const reply = await call('GET', '/claims', {
        token: forge(
          { typ: 'at+jwt', alg: algorithm.alg, kid: named.kid },
          payload,
          signer(signing.jwk),
        ),
      })
      if (signing === algorithm && algorithm === named)
        t.strictSame([reply.statusCode, reply.json()], [200, { ...payload, sub: user.id }], name)
      else await refused(t, name, reply)
    }
    t.notMatch(logText(), /internal error/)
  },
)

t.test('no key is fetched from where a token says', async (t) => {
  let connections = 0
  const listener = createServer((socket) => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/jwks.json`
  const { make, refuses, accepts } = await buildForger(t, 'ES256')
  const sign = signer(makeJwk('ES256'))
  for (const name of ['jku', 'x5u', 'kid', 'jwks_uri', 'iss']) {
    await refuses(t, `${name}, of a stranger`, make({ header: { [name]: url }, sign }))
    await refuses(
      t,
      `${name}, of a stranger, without kid`,
      make({ header: { kid: undefined, [name]: url }, sign }),
    )
  }
  await refuses(t, 'iss', make({ claims: { iss: url }, sign }))
  for (const header of [
    { jku: url },
    { x5u: url },
    { x5c: ['AAAA'], x5t: 'AAAA', 'x5t#S256': 'AAAA' },
    { jwk: publicPart(makeJwk('ES256')) },
  ])
    await accepts(t, 'such members of our own header are ignored', make({ header }))
  t.equal(connections, 0)
})

// Anyone can make the second ES256 signature of a token from the first: its text is no name for it,
// jti is (RFC 7519 §4.1.7).
t.test(
  'the other ES256 signature of a token is as good, and stands for the same jti',
  async (t) => {
    const { make, accepts, call, claims } = await buildForger(t, 'ES256')
    const token = make()
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const [head, body, signature = ''] = token.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const s = (order - BigInt(`0x${bytes.subarray(32).toString('hex')}`))
      .toString(16)
      .padStart(64, '0')
    const other = [
      head,
      body,
      Buffer.concat([bytes.subarray(0, 32), Buffer.from(s, 'hex')]).toString('base64url'),
    ].join('.')
    t.not(other, token)
    await accepts(t, 's → n − s', other)
    t.strictSame((await call('GET', '/claims', { token: other })).json(), claims)
  },
)

t.test('two people who alternate a thousand times are never taken for each other', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const people = [await signup(), await signup()]
  const answered = new Set<string>()
  for (let round = 0; round < 50; round++) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const asked = people[index % 2]
        const reply = await call('GET', '/claims', { token: asked?.access_token ?? '' })
        answered.add(`${asked?.user.id} is ${reply.json().sub}`)
      }),
    )
  }
  t.strictSame([...answered].sort(), people.map(({ user: { id } }) => `${id} is ${id}`).sort())
})

t.test(
  'after a rotation the older tokens live on, and those of a key that was taken out do not',
  async (t) => {
    const [old, young] = [
      { ...makeJwk('ES256'), iat: 0 },
      { ...makeJwk('EdDSA'), iat: Math.floor(frozenNow / 1000) },
    ]
    const app = await buildTestApp(t, { keys: [old, young] })
    const before = (await app.signup()).access_token
    app.time.now += app.config.KEY_PUBLISH_SECONDS * 1000
    const after = (await app.signup()).access_token
    app.time.now -= app.config.KEY_PUBLISH_SECONDS * 1000
    t.strictSame(
      [before, after].map((token) => decode(token).header.kid),
      [thumbprint(old), thumbprint(young)],
    )
    t.equal((await app.call('GET', '/claims', { token: before })).statusCode, 200)
    const later = await buildTestApp(t, { keys: [young] })
    await refused(t, 'the key is out', await later.call('GET', '/claims', { token: before }))
  },
)
