import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { buildTestApp, frozenNow, problem, type TestApp } from '../../helper.js'
import { listen } from '../../support/send.js'
import { algorithms, decode, makeJwk, thumbprint } from '../../support/forge.js'

const documents = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
const expected = (issuer: string, ...algorithms: string[]) => ({
  issuer,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  id_token_signing_alg_values_supported: algorithms,
  dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
  subject_types_supported: ['public'],
  response_types_supported: [],
  token_endpoint: `${issuer}/token`,
  introspection_endpoint: `${issuer}/introspect`,
  grant_types_supported: ['client_credentials'],
  token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  scopes_supported: ['users:read', 'users:write'],
})

/**
 * What a resource server does that knows nothing but the issuer: it finds the keys and verifies
 * a token. `call` stands for a proxy that strips the path of the issuer.
 */
async function verifyByDiscovery(
  t: Test,
  { call, signup }: TestApp,
  document: string,
  issuer: string,
  audience: string,
): Promise<void> {
  const metadata = (await call('GET', document)).json<Record<string, unknown>>()
  const urls = Object.values(metadata)
    .flat()
    .filter((value) => String(value).includes('://') && value !== issuer)
    .map(String)
  const { jwks_uri: keysUrl, token_endpoint: tokenUrl, introspection_endpoint: stateUrl } = metadata
  t.strictSame(urls, [keysUrl, tokenUrl, stateUrl], 'the URLs of the document')
  for (const url of urls) {
    t.ok(url.startsWith(`${issuer}/`))
    const { statusCode } = await call('GET', url.slice(issuer.length))
    t.equal(statusCode, url === keysUrl ? 200 : 405, `${url} is reachable`)
  }
  const keys = (
    await call('GET', String(metadata.jwks_uri).slice(issuer.length))
  ).json<JSONWebKeySet>()
  const { access_token: token, user } = await signup()
  t.equal(metadata.issuer, decode(token).payload.iss, 'the issuer is the iss of the token')
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    issuer: String(metadata.issuer),
    audience,
    typ: 'at+jwt',
    algorithms: metadata.id_token_signing_alg_values_supported as string[],
    currentDate: new Date(frozenNow),
  })
  t.equal(payload.sub, user.id)
}

for (const alg of algorithms) {
  t.test(`both documents, with an ${alg} key`, async (t) => {
    const app = await buildTestApp(t, { keys: [makeJwk(alg)] })
    for (const document of documents) {
      const reply = await app.call('GET', document)
      t.equal(reply.statusCode, 200)
      t.match(reply.headers, {
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'public, max-age=600',
      })
      t.strictSame(reply.json(), expected('http://localhost:3000', alg))
      t.notMatch(
        reply.body,
        /password|authorization_endpoint|"code"|implicit/,
        'nothing that is not served',
      )
      await verifyByDiscovery(t, app, document, 'http://localhost:3000', 'http://localhost:3000')
    }
  })
}

t.test('a PUBLIC_URL with a path, and an audience of its own', async (t) => {
  const issuer = 'https://example.org/auth/v1'
  const app = await buildTestApp(t, {
    env: { PUBLIC_URL: issuer, TOKEN_AUDIENCE: 'https://api.example.org' },
  })
  for (const document of documents) {
    for (const path of [document, `${document}/auth/v1`, `${document}/auth/v1?x`]) {
      const reply = await app.call('GET', path)
      t.equal(reply.statusCode, 200, path)
      t.equal(reply.headers['cache-control'], 'public, max-age=600')
      t.strictSame(reply.json(), expected(issuer, 'ES256'))
      await verifyByDiscovery(t, app, path, issuer, 'https://api.example.org')
    }
    for (const other of ['/auth', '/auth/v1/x', '/auth/v2', '/AUTH/v1', '/v1', '/x?/auth/v1'])
      t.equal((await app.call('GET', `${document}${other}`)).json().code, 'not_found', other)
  }
  t.notMatch(
    Object.keys(app.app.swagger().paths ?? {}).join(' '),
    '*',
    'the duplicates are not in the contract',
  )
})

t.test('a request that names the whole URL, RFC 9112 §3.2.2', async (t) => {
  const { app } = await buildTestApp(t, { env: { PUBLIC_URL: 'https://example.org/auth' } })
  const { send } = await listen(t, app)
  for (const document of documents) {
    t.strictSame(
      JSON.parse((await send({ path: `https://example.org${document}/auth?x` })).body),
      expected('https://example.org/auth', 'ES256'),
    )
    t.equal((await send({ path: `https://example.org${document}/other` })).status, 404)
  }
})

t.test('characters of the path that have a meaning to the router', async (t) => {
  for (const path of ['/a:b', '/a*b', '/caf%C3%A9', '/%E0%A4%A', '/a%2Fb', '/(x)', '/~x.y-z/']) {
    const issuer = `https://example.org${path.replace(/\/$/, '')}`
    const { call } = await buildTestApp(t, { env: { PUBLIC_URL: issuer } })
    for (const document of documents) {
      const reply = await call('GET', `${document}${path.replace(/\/$/, '')}`)
      // The router refuses broken percent-encoding by itself.
      if (path === '/%E0%A4%A') t.equal(reply.statusCode, 400)
      else t.strictSame(reply.json(), expected(issuer, 'ES256'), path)
    }
  }
})

t.test('without a path there are no duplicates', async (t) => {
  const { call } = await buildTestApp(t)
  for (const document of documents)
    problem(t, await call('GET', `${document}/auth`), 404, 'not_found')
})

t.test('the algorithms are those of the ring at the time, each once', async (t) => {
  const now = frozenNow / 1000
  const [old, newer, newest] = [
    { ...makeJwk('EdDSA'), iat: now - 9000 },
    { ...makeJwk('ES256'), iat: now - 6000 },
    { ...makeJwk('EdDSA'), iat: now - 3000 },
  ]
  const { call, ring } = await buildTestApp(t, { keys: [old, newer, newest] })
  for (const document of documents)
    t.strictSame(
      (await call('GET', document)).json(),
      expected('http://localhost:3000', 'EdDSA', 'ES256'),
    )
  const { keys } = ring.jwks()
  ring.jwks = () => ({ keys: keys.filter(({ kid }) => kid === thumbprint(newer)) })
  for (const document of documents)
    t.strictSame((await call('GET', document)).json(), expected('http://localhost:3000', 'ES256'))
})

t.test('methods', async (t) => {
  const { call } = await buildTestApp(t)
  for (const document of documents) {
    const head = await call('HEAD', document)
    t.strictSame([head.statusCode, head.body], [200, ''])
    const post = await call('POST', document, { body: {} })
    problem(t, post, 405, 'method_not_allowed')
    t.equal(post.headers.allow, 'GET, HEAD')
  }
})
