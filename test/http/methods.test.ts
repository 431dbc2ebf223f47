import { METHODS } from 'node:http'
import t from 'tap'
import { buildTestApp, jsonType, problem } from '../helper.js'

/** Every path and the methods it takes; HEAD goes with GET. */
const paths: Record<string, string[]> = {
  '/': ['GET'],
  '/signup': ['POST'],
  '/login': ['POST'],
  '/me': ['DELETE', 'GET', 'PATCH'],
  '/claims': ['GET'],
  '/.well-known/jwks.json': ['GET'],
  '/health/live': ['GET'],
  '/health/ready': ['GET'],
  '/problems/not_found': ['GET'],
  '/openapi.json': ['GET'],
  '/openapi.yaml': ['GET'],
  '/docs': ['GET'],
  '/docs/json': ['GET'],
  '/docs/yaml': ['GET'],
  '/docs/static/index.html': ['GET'],
  '/docs/static/swagger-ui.css': ['GET'],
}

const { app, call } = await buildTestApp(t)
const inject = async (method: string, url: string, more: object = {}) =>
  await app.inject({ method: method as 'GET', url, ...more })

await t.test('every path takes its methods and refuses the others', async (t) => {
  t.ok(
    ['PROPFIND', 'TRACE', 'OPTIONS', 'PUT', 'CONNECT', 'QUERY', 'M-SEARCH'].some((method) =>
      METHODS.includes(method),
    ),
  )
  for (const [path, taken] of Object.entries(paths)) {
    const allow = [...taken, ...(taken.includes('GET') ? ['HEAD'] : [])].sort()
    for (const method of METHODS) {
      const reply = await inject(method, path)
      if (allow.includes(method)) {
        t.notOk([404, 405].includes(reply.statusCode), `${method} ${path}`)
        t.equal(reply.headers.allow, undefined)
        continue
      }
      if (method === 'HEAD') t.equal(reply.statusCode, 405)
      else problem(t, reply, 405, 'method_not_allowed')
      t.equal(reply.headers.allow, allow.join(', '), `${method} ${path}`)
    }
  }
})

await t.test('other spellings of a path are the same path', async (t) => {
  for (const url of ['/me/', '//me', '/ME', '/%6de', '/me?x=1', '/me#x', '/me?/', '//ME//']) {
    const reply = await inject('PUT', url)
    problem(t, reply, 405, 'method_not_allowed')
    t.equal(reply.headers.allow, 'DELETE, GET, HEAD, PATCH', url)
    problem(t, await inject('GET', url), 401, 'missing_token')
  }
})

await t.test('unknown paths, whatever comes with them', async (t) => {
  for (const url of [
    '/nope',
    '/me/x',
    '/me;x',
    '/me%2f',
    '/me%00',
    '/signup.json',
    '/index.html',
    '/.env',
    '/.git/config',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/api/../nope',
    '/__proto__',
    '/constructor',
    '/*',
    '/:code',
    '/problems',
    '/problems/a/b',
    '/docs/anything',
    '/health',
    '/.well-known',
    `/${'x'.repeat(5000)}`,
  ]) {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const reply = await inject(method, url)
      problem(t, reply, 404, 'not_found')
      t.equal(reply.headers.allow, undefined)
    }
  }
  for (const [payload, type] of [
    ['{broken', 'application/json'],
    ['x', 'text/plain'],
    ['x'.repeat(20_000), 'application/json'],
    ['"__proto__"', 'application/json'],
    ['', 'application/json'],
  ] as const) {
    problem(
      t,
      await inject('POST', '/nope', { payload, headers: { 'content-type': type } }),
      404,
      'not_found',
    )
    problem(
      t,
      await inject('PUT', '/me', { payload, headers: { 'content-type': type } }),
      405,
      'method_not_allowed',
    )
  }
  const reply = await inject('GET', '/nope/<script>alert(1)</script>?q=canary')
  t.notMatch(problem(t, reply, 404, 'not_found'), { detail: /script|canary/ })
  t.notMatch(reply.body, /script|canary/, 'nothing of the path comes back')
})

await t.test('malformed URLs', async (t) => {
  for (const url of [
    '/%',
    '/%zz',
    '/me%',
    '/%c0%af',
    '/%ff',
    '/problems/%e0%a4%a',
    '//%',
    '/docs/static/%',
  ]) {
    for (const method of ['GET', 'POST', 'PUT'])
      problem(t, await inject(method, url), 400, 'invalid_request')
  }
})

await t.test('nothing changes by GET and HEAD', async (t) => {
  for (const method of ['GET', 'HEAD'] as const) {
    const reply = await call(method, '/signup', {
      body: '{"email":"ada@example.org"}',
      headers: jsonType,
    })
    t.equal(reply.statusCode, 405)
    t.equal(reply.headers.allow, 'POST')
  }
  const override = await call('POST', '/login', {
    body: '{}',
    headers: {
      ...jsonType,
      'x-http-method-override': 'DELETE',
      'x-original-url': '/health/live',
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
    },
  })
  problem(t, override, 400, 'invalid_request')
  t.notMatch(override.body, /evil|gopher/)
})
