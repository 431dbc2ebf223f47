import { METHODS } from 'node:http'
import t from 'tap'
import { buildTestApp, jsonType, outcome, problem } from '../helper.js'
import { type Case, everyRowIs, nameOf, rowsOf, tableIs } from '../support/table.js'

/** Every path and the methods it takes; HEAD goes with GET. */
const paths: Record<string, string[]> = {
  '/': ['GET'],
  '/signup': ['GET', 'POST'],
  '/login': ['GET', 'POST'],
  '/refresh': ['GET', 'POST'],
  '/me': ['DELETE', 'GET', 'PATCH'],
  '/me/delete': ['POST'],
  '/claims': ['GET'],
  '/.well-known/jwks.json': ['GET'],
  '/health/live': ['GET'],
  '/health/ready': ['GET'],
  '/problems': ['GET'],
  '/problems/not_found': ['GET'],
  '/password/forgot': ['GET', 'POST'],
  '/email/resend': ['GET', 'POST'],
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
    'the parser knows unusual methods',
  )
  for (const [path, taken] of Object.entries(paths)) {
    const allow = [...taken, ...(taken.includes('GET') ? ['HEAD'] : [])].sort()
    await tableIs(
      t,
      METHODS.map((method): Case<string, object> => [
        method,
        method,
        allow.includes(method)
          ? { refused: false, allow: undefined }
          : {
              refused: method === 'HEAD' ? 405 : '405 method_not_allowed',
              allow: allow.join(', '),
            },
      ]),
      async (method) => {
        // Some pages are only for clients that ask for HTML.
        const reply = await inject(method, path, { headers: { accept: 'text/html' } })
        const refused = [404, 405].includes(reply.statusCode)
        return {
          // A reply to HEAD has no body that could be a problem.
          refused: refused && (method === 'HEAD' ? reply.statusCode : outcome(reply)),
          allow: reply.headers.allow,
        }
      },
      `methods of ${path}`,
    )
  }
})

await t.test('other spellings of a path are the same path', async (t) => {
  await everyRowIs(
    t,
    rowsOf(['/me/', '//me', '/ME', '/%6de', '/me?x=1', '/me#x', '/me?/', '//ME//']),
    ['405 method_not_allowed', 'DELETE, GET, HEAD, PATCH', '401 missing_token'],
    async (url) => {
      const reply = await inject('PUT', url)
      return [outcome(reply), reply.headers.allow, outcome(await inject('GET', url))]
    },
    'outcomes of PUT and GET',
  )
})

await t.test('unknown paths are not found, with any method and body', async (t) => {
  const urls = [
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
    '/problems/a/b',
    '/docs/anything',
    '/health',
    '/.well-known',
    `/${'x'.repeat(5000)}`,
  ]
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])
    await everyRowIs(
      t,
      rowsOf(urls),
      ['404 not_found', undefined],
      async (url) => {
        const reply = await inject(method, url)
        return [outcome(reply), reply.headers.allow]
      },
      `${method} of unknown paths`,
    )
  const bodies = [
    ['{broken', 'application/json'],
    ['x', 'text/plain'],
    ['x'.repeat(20_000), 'application/json'],
    ['"__proto__"', 'application/json'],
    ['', 'application/json'],
  ] as const
  await everyRowIs(
    t,
    bodies.map((body) => [nameOf(body), body] as const),
    ['404 not_found', '405 method_not_allowed'],
    async ([payload, type]) => {
      const more = { payload, headers: { 'content-type': type } }
      return [
        outcome(await inject('POST', '/nope', more)),
        outcome(await inject('PUT', '/me', more)),
      ]
    },
    'bodies that do not matter',
  )
  const reply = await inject('GET', '/nope/<script>alert(1)</script>?q=canary')
  problem(t, reply, 404, 'not_found')
  t.notMatch(reply.body, /script|canary/, 'the reply repeats no part of the path')
})

await t.test('malformed URLs are invalid requests', async (t) => {
  await everyRowIs(
    t,
    rowsOf([
      '/%',
      '/%zz',
      '/me%',
      '/%c0%af',
      '/%ff',
      '/problems/%e0%a4%a',
      '//%',
      '/docs/static/%',
    ]),
    ['400 invalid_request', '400 invalid_request', '400 invalid_request'],
    async (url) => [
      outcome(await inject('GET', url)),
      outcome(await inject('POST', url)),
      outcome(await inject('PUT', url)),
    ],
    'outcomes of GET, POST and PUT',
  )
})

await t.test('GET and HEAD change nothing, and headers do not replace the method', async (t) => {
  for (const method of ['GET', 'HEAD'] as const) {
    const reply = await call(method, '/signup', {
      body: '{"email":"ada@example.org"}',
      headers: jsonType,
    })
    t.strictSame([reply.statusCode, reply.headers.allow], [405, 'POST'], `${method} /signup`)
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
  t.notMatch(override.body, /evil|gopher/, 'the reply repeats no header')
})
