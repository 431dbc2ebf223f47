import t from 'tap'
import { generateKey } from '../../../src/keys/signing-key.js'
import { buildTestApp, frozenNow } from '../../helper.js'

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const index = {
  name: 'Latchkey',
  signup: '/signup',
  login: '/login',
  jwks: '/.well-known/jwks.json',
  health: '/health/ready',
}

await t.test('GET /', async (t) => {
  const { call } = await buildTestApp(t)
  for (const accept of [
    undefined,
    '*/*',
    'application/json',
    'text/plain',
    'image/png',
    '',
    'application/json, text/html;q=0.9',
    'text/html;q=0',
    ';;;',
  ]) {
    const reply = await call('GET', '/', accept === undefined ? {} : { headers: { accept } })
    t.equal(reply.statusCode, 200, accept ?? 'no header')
    t.match(reply.headers, {
      'content-type': 'application/json; charset=utf-8',
      vary: 'accept',
      location: undefined,
    })
    t.strictSame(reply.json(), { ...index, openapi: '/openapi.json', docs: '/docs' })
  }
  for (const accept of [browser, 'text/html', 'text/html, application/json;q=0.9', 'TEXT/HTML']) {
    const reply = await call('GET', '/', { headers: { accept } })
    t.strictSame(
      [reply.statusCode, reply.headers.location, reply.headers.vary, reply.body],
      [302, '/docs', 'accept', ''],
      accept,
    )
  }
  for (const [, path] of Object.entries({
    ...index,
    openapi: '/openapi.json',
    docs: '/docs',
  }).slice(1)) {
    const reply = await call('HEAD', path)
    t.not(reply.statusCode, 404, `${path} is there`)
  }
})

await t.test('GET / without the documentation', async (t) => {
  const { call } = await buildTestApp(t, { env: { DOCS: 'off' } })
  for (const accept of ['*/*', browser]) {
    const reply = await call('GET', '/', { headers: { accept } })
    t.equal(reply.statusCode, 200)
    t.strictSame(reply.json(), index)
  }
})

await t.test('GET /.well-known/jwks.json', async (t) => {
  const { call, jwks, signup } = await buildTestApp(t, {
    keys: [await generateKey(frozenNow / 1000 - 5000), await generateKey(frozenNow / 1000)],
  })
  const reply = await call('GET', '/.well-known/jwks.json')
  t.equal(reply.statusCode, 200)
  t.match(reply.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'public, max-age=600',
  })
  const [older, newer] = jwks.keys.map(({ kty, kid, alg, use, crv, x, y }) => ({
    kty,
    kid,
    alg,
    use,
    crv,
    x,
    y,
  }))
  t.strictSame(reply.json(), { keys: [newer, older] })
  t.notMatch(reply.body, /"(d|p|q|dp|dq|qi|k|iat)":/)
  const { access_token: token } = await signup()
  const [header = ''] = token.split('.')
  t.strictSame(
    JSON.parse(Buffer.from(header, 'base64url').toString()),
    { alg: 'ES256', typ: 'at+jwt', kid: older?.kid },
    'a new key is published before it signs',
  )
  const head = await call('HEAD', '/.well-known/jwks.json')
  t.strictSame([head.statusCode, head.body], [200, ''])
})
