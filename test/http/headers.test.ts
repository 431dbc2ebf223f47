import t from 'tap'
import { securityHeaders } from '../../src/http/headers.js'
import { buildTestApp, goodPassword, jsonType, problem } from '../helper.js'
import { exchange, listen } from '../support/raw-socket.js'
import { byRow, type Case, nameOf, rowsOf, tableIs } from '../support/table.js'

await t.test('HSTS covers sub-domains only with HSTS_SUBDOMAINS=on', async (t) => {
  const year = 'max-age=31536000'
  for (const [env, expected] of [
    [{}, year],
    [{ HSTS_SUBDOMAINS: 'off' }, year],
    [{ HSTS_SUBDOMAINS: 'on' }, `${year}; includeSubDomains`],
  ] as const) {
    const { app, call } = await buildTestApp(t, { env })
    // The last two are refused before any hook runs, by the router and by the parser.
    const replies = await Promise.all(
      ['/health/live', '/docs', '/nope', '/%'].map(async (path) => await call('GET', path)),
    )
    const found = replies.map(({ headers }) => headers['strict-transport-security'])
    const [unreadable] = await exchange(await listen(app), 'x\r\n\r\n')
    found.push(unreadable?.headers['strict-transport-security'])
    t.strictSame(found, Array(5).fill(expected), JSON.stringify(env))
  }
})

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

await t.test('every answer has the same security headers', async (t) => {
  const { call, signup, app } = await buildTestApp(t, { env: { RATE_LIMITS: 'off' } })
  const { access_token: token } = await signup({ email: 'ada@example.org' })
  const expected = Object.fromEntries(
    Object.entries({ ...securityHeaders, 'x-request-id': 'a UUID', 'cache-control': 'set' }),
  )
  const login = { email: 'ada@example.org', password: goodPassword }
  const plain = { 'content-type': 'text/plain' }
  type Call = [status: number, ...Parameters<typeof call>]
  const calls: Call[] = [
    [200, 'GET', '/health/live'],
    [200, 'GET', '/me', { token }],
    [200, 'HEAD', '/me', { token }],
    [200, 'GET', '/claims', { token }],
    [200, 'GET', '/'],
    [302, 'GET', '/', { headers: { accept: 'text/html' } }],
    [200, 'GET', '/openapi.json'],
    [200, 'GET', '/problems/not_found'],
    [200, 'POST', '/login', { body: login }],
    [400, 'POST', '/login', { body: '{', headers: jsonType }],
    [401, 'GET', '/me'],
    [404, 'GET', '/nope'],
    [405, 'PUT', '/me'],
    [400, 'GET', '/%'],
    [400, 'GET', `/problems/${'x'.repeat(200)}`],
    [415, 'POST', '/login', { body: 'x', headers: plain }],
    [413, 'POST', '/login', { body: 'x'.repeat(20_000), headers: jsonType }],
    [204, 'DELETE', '/me', { token, body: { password: goodPassword } }],
  ]
  const absent = ['server', 'x-powered-by', 'set-cookie', 'access-control-allow-origin']
  await tableIs(
    t,
    calls.map((row): Case<Call, object> => [
      nameOf(row.slice(1)),
      row,
      { status: row[0], ...expected },
    ]),
    async ([, ...request]) => {
      const { statusCode, headers } = await call(...request)
      const ours = [...Object.keys(expected), ...absent]
      const found = Object.entries(headers).filter(([name]) => ours.includes(name))
      return {
        status: statusCode,
        ...Object.fromEntries(found),
        'x-request-id': uuid.test(String(headers['x-request-id'])) ? 'a UUID' : 'another id',
        'cache-control': headers['cache-control'] ? 'set' : 'missing',
      }
    },
    'status and headers',
  )
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
  await tableIs(
    t,
    table.flatMap(([given, isTaken]) =>
      ['/me', '/nope', '/%'].map((url): Case<{ given: string; url: string }, object> => {
        const id = isTaken ? given : 'new'
        // The router refuses the last one before its request is logged.
        return [
          nameOf([given, url], 100),
          { given, url },
          { id, body: id, log: url === '/%' ? [] : [id] },
        ]
      }),
    ),
    async ({ given, url }) => {
      const before = log().length
      const reply = await call('GET', url, { headers: { 'x-request-id': given } })
      const id = String(reply.headers['x-request-id'])
      const shown = (found: unknown) => (found === id && uuid.test(id) ? 'new' : found)
      return {
        id: shown(id),
        body: shown(reply.json<{ request_id: string }>().request_id),
        log:
          url === '/%'
            ? []
            : log()
                .slice(before)
                .map((line) => shown(line.request_id)),
      }
    },
    'the id in header, body and log',
  )
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => (await call('GET', '/me')).headers['x-request-id']),
  )
  t.equal(new Set(ids).size, 20, 'each request has an id of its own')
  const reply = await call('GET', '/health/live', { headers: { 'x-request-id': 'mine' } })
  t.equal(reply.headers['x-request-id'], 'mine', 'on success too')
})

await t.test('HEAD answers as GET does, without a body', async (t) => {
  const { call, signup } = await buildTestApp(t)
  const { access_token: token } = await signup()
  const urls = [
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
  ]
  const differences = await byRow(rowsOf(urls), async (url) => {
    const [get, head] = [await call('GET', url, { token }), await call('HEAD', url, { token })]
    const length = get.headers['content-length']
    return [
      head.statusCode === get.statusCode ? '' : `${get.statusCode} is ${head.statusCode}`,
      head.body,
      head.headers['content-type'] === get.headers['content-type'] ? '' : 'another type',
      (head.headers['content-length'] ?? length) === length ? '' : 'another length',
    ].join('')
  })
  t.strictSame(differences, Object.fromEntries(rowsOf(urls).map(([name]) => [name, ''])))
  problem(
    t,
    await call('GET', '/me', { headers: { authorization: 'Basic eDp5' } }),
    401,
    'missing_token',
  )
})
