import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { routesOf } from '../../src/app.js'
import { limits } from '../../src/limits/table.js'
import { buildTestApp } from '../helper.js'
import { listen } from '../support/send.js'
import { type Case, everyRowIs, rowsOf, tableIs } from '../support/table.js'

const PUBLIC_URL = 'https://example.com/auth'
/** The status and the code of a refusal. */
function outcome({ statusCode, headers, json }: LightMyRequestResponse): string {
  const isProblem = String(headers['content-type']).startsWith('application/problem+json')
  return isProblem ? `${statusCode} ${json<{ code: string }>().code}` : String(statusCode)
}
const body = { email: 'ada@example.org', password: 'wrong' }

await t.test('the path of PUBLIC_URL is no way around the guard', async (t) => {
  const { call, config } = await buildTestApp(t, { env: { PUBLIC_URL, RATE_LIMITS: 'off' } })
  const prefixes = ['/auth', '//auth', '/%61uth', '/AUTH', '/auth/', '/auth//', '/%2561uth']
  const twice = ['/auth/auth', '/auth/%61uth', '/auth;x', '/auth%2F', '/authx', '/x/auth']
  let guarded = 0
  for (const route of Object.keys(routesOf(config))) {
    const [method, path] = route.replace(':code', 'not_found').split(' ') as ['GET', string]
    const bare = outcome(await call(method, path))
    if (bare === '401 missing_token') guarded++
    for (const prefix of [...prefixes, ...twice]) {
      const found = outcome(await call(method, `${prefix}${path}`))
      const isKnown = prefixes.slice(0, -1).includes(prefix)
      t.equal(found, isKnown ? bare : '404 not_found', `${method} ${prefix}${path}`)
    }
  }
  t.ok(guarded >= 7, 'the protected routes are found')
})

await t.test('calls with and without the path count together', async (t) => {
  const { call } = await buildTestApp(t, { env: { PUBLIC_URL } })
  const prefixes = ['', '/auth', '//auth/', '/%61uth', '/AUTH']
  const spread = async (calls: number, one: (prefix: string) => Promise<number>) => {
    const statuses: number[] = []
    for (let index = 0; index < calls; index++)
      statuses.push(await one(prefixes[index % prefixes.length] as string))
    return statuses
  }
  const { free } = limits['password-email-network']
  const login = async (prefix: string) =>
    (await call('POST', `${prefix}/login`, { body })).statusCode
  t.strictSame([...new Set(await spread(free, login))], [401])
  t.strictSame([...new Set(await spread(2, login))], [401, 429])
  t.strictSame([...new Set(await spread(prefixes.length, login))], [429])

  const { calls } = limits['docs-network']
  const read = async (prefix: string) => (await call('HEAD', `${prefix}/openapi.json`)).statusCode
  t.strictSame([...new Set(await spread(calls, read))], [200])
  t.strictSame([...new Set(await spread(prefixes.length, read))], [429])
})

await t.test('a proxy that blocks /auth/metrics blocks the metrics', async (t) => {
  const { call } = await buildTestApp(t, { env: { PUBLIC_URL, METRICS: 'on' } })
  await everyRowIs(
    t,
    rowsOf(['/auth/metrics', '//auth/metrics/', '/auth//METRICS', '/%61uth/metric%73']),
    '404 not_found',
    async (url) => outcome(await call('GET', url)),
    'not found under the path',
  )
  t.equal((await call('GET', '/metrics')).statusCode, 200, 'only at its own address')
})

await t.test('paths that look like routes, or have special characters', async (t) => {
  for (const prefix of [
    '/me',
    '/login',
    '/email',
    '/docs',
    '/problems',
    '/problems/me',
    '/.well-known',
    '/a/b',
    '/a:b',
    '/a*b',
    '/(x)',
    '/caf%C3%A9',
    '/a%2Fb',
    '/%E0%A4%A',
    '/$&',
  ]) {
    const issuer = `https://example.com${prefix}`
    const { call, signup } = await buildTestApp(t, { env: { PUBLIC_URL: issuer } })
    const { access_token: token } = await signup()
    for (const [path, status] of [
      ['/me', 200],
      ['/claims', 200],
      ['/email/verify', 200],
      ['/problems/not_found', 200],
      ['/docs/static/swagger-ui.css', 200],
      ['/.well-known/jwks.json', 200],
    ] as const)
      for (const url of [path, `${prefix}${path}`]) {
        const reply = await call('GET', url, { token })
        t.equal(reply.statusCode, status, `${url} under ${prefix}`)
      }
  }
})

await t.test('paths as they come over the wire', async (t) => {
  const { app, signup } = await buildTestApp(t, { env: { PUBLIC_URL } })
  const { access_token: token } = await signup()
  const { send } = await listen(t, app)
  const table: Array<[path: string, status: number]> = [
    ['/auth/me', 200],
    // RFC 9112 §3.2.2: a request may name the whole URL.
    ['https://example.com/auth/me', 200],
    ['HTTP://other.example:80/auth/me', 200],
    ['https://example.com/auth', 200],
    ['https://example.com/auth?', 200],
    ['/auth#x', 200],
    ['/auth/../me', 404],
    ['/auth/./me', 404],
    ['/x/../auth/me', 404],
    ['/auth/%2e%2e/me', 404],
    ['/auth\\me', 404],
    ['/auth/%', 400],
    ['/%/auth/me', 400],
  ]
  await tableIs(
    t,
    table.map(([path, status]): Case<string, number> => [path, path, status]),
    async (path) => (await send({ path, headers: ['authorization', `Bearer ${token}`] })).status,
    'status',
  )
})
