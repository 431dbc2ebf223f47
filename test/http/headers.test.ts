import t from 'tap'
import { securityHeaders } from '../../src/http/headers.js'
import { buildTestApp, goodPassword, jsonType, problem } from '../helper.js'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

await t.test('every answer has the same security headers', async (t) => {
  const { call, signup, app } = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const { access_token: token } = await signup({ email: 'ada@example.org' })
  const replies = [
    await call('GET', '/health/live'),
    await call('GET', '/me', { token }),
    await call('HEAD', '/me', { token }),
    await call('GET', '/claims', { token }),
    await call('GET', '/'),
    await call('GET', '/', { headers: { accept: 'text/html' } }),
    await call('GET', '/openapi.json'),
    await call('GET', '/problems/not_found'),
    await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } }),
    await call('POST', '/login', { body: '{', headers: jsonType }),
    await call('GET', '/me'),
    await call('GET', '/nope'),
    await call('PUT', '/me'),
    await call('GET', '/%'),
    await call('GET', `/problems/${'x'.repeat(200)}`),
    await call('POST', '/login', { body: 'x', headers: { 'content-type': 'text/plain' } }),
    await call('POST', '/login', { body: 'x'.repeat(20_000), headers: jsonType }),
    await call('DELETE', '/me', { token, body: { password: goodPassword } }),
  ]
  t.strictSame(
    replies.map(({ statusCode }) => statusCode),
    [200, 200, 200, 200, 200, 302, 200, 200, 200, 400, 401, 404, 405, 400, 400, 415, 413, 204],
  )
  for (const { headers } of replies) {
    for (const [name, value] of Object.entries(securityHeaders)) t.equal(headers[name], value, name)
    t.match(headers['x-request-id'], uuid)
    t.match(headers, {
      server: undefined,
      'x-powered-by': undefined,
      'set-cookie': undefined,
      'access-control-allow-origin': undefined,
    })
    t.ok(headers['cache-control'])
  }
  t.match(securityHeaders, {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': /^default-src 'none';.*frame-ancestors 'none'$/,
  })
  t.ok(
    Number(/max-age=(\d+)/.exec(securityHeaders['strict-transport-security'])?.[1]) >= 31_536_000,
  )
  const page = await app.inject('/docs')
  const { 'content-security-policy': _, ...others } = securityHeaders
  t.match(page.headers, others, 'the page has a policy of its own and all the rest')
})

await t.test('x-request-id', async (t) => {
  const { call, log } = await buildTestApp(t)
  const table: Array<[given: string, isTaken: boolean]> = [
    ['a', true],
    ['0', true],
    ['trace-1.2_3', true],
    ['x'.repeat(64), true],
    ['4bf92f3577b34da6a3ce929d0e0e4736', true],
    ['__proto__', true],
    ['x'.repeat(65), false],
    ['', false],
    [' ', false],
    ['a b', false],
    ['a,b', false],
    ['ä', false],
    ['a\tb', false],
    ['a/b', false],
    ['a:b', false],
    ['{"a":1}', false],
    ['\u001b[31m', false],
    ['a;b', false],
    ['$(id)', false],
    ['a=b', false],
    ['a%0ab', false],
  ]
  for (const [given, isTaken] of table) {
    for (const url of ['/me', '/nope', '/%']) {
      const before = log().length
      const reply = await call('GET', url, { headers: { 'x-request-id': given } })
      const id = String(reply.headers['x-request-id'])
      t.match(id, isTaken ? given : uuid, JSON.stringify(given))
      t.equal(reply.json().request_id, id)
      if (url !== '/%')
        t.strictSame(
          log()
            .slice(before)
            .map((line) => line.request_id),
          [id],
        )
    }
  }
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => (await call('GET', '/me')).headers['x-request-id']),
  )
  t.equal(new Set(ids).size, 20)
  const reply = await call('GET', '/health/live', { headers: { 'x-request-id': 'mine' } })
  t.equal(reply.headers['x-request-id'], 'mine', 'on success too')
})

await t.test('HEAD answers as GET does, without a body', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { access_token: token } = await signup()
  for (const url of [
    '/',
    '/me',
    '/claims',
    '/openapi.json',
    '/openapi.yaml',
    '/problems/not_found',
    '/health/ready',
    '/.well-known/jwks.json',
    '/docs',
    '/nope',
  ]) {
    const [get, head] = [await call('GET', url, { token }), await call('HEAD', url, { token })]
    t.equal(head.statusCode, get.statusCode, url)
    t.equal(head.body, '')
    t.equal(head.headers['content-type'], get.headers['content-type'])
    t.match(
      head.headers['content-length'] ?? get.headers['content-length'],
      get.headers['content-length'],
    )
  }
  problem(
    t,
    await call('GET', '/me', { headers: { authorization: 'Basic eDp5' } }),
    401,
    'missing_token',
  )
})
