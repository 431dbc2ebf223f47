import t from 'tap'
import { buildTestApp, jsonType } from '../helper.js'

const allowed = ['https://app.example.com', 'http://localhost:5173']
const others = [
  'https://evil.example',
  'null',
  'https://app.example.com.evil.example',
  'https://sub.app.example.com',
  'https://evil-app.example.com',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com:443',
  'https://APP.example.com',
  'HTTPS://app.example.com',
  'https://app.example.com/',
  'https://app.example.comevil',
  'https://app.example',
  'https://appxexample.com',
  'http://localhost',
  'http://localhost:51730',
  '*',
  '',
  'https://app.example.com https://evil.example',
  'https://app.example.com,http://localhost:5173',
]
const preflight = (origin: string, method = 'POST') => ({
  origin,
  'access-control-request-method': method,
  'access-control-request-headers': 'authorization,content-type',
})
const corsHeaders = (headers: object) =>
  Object.keys(headers)
    .filter((name) => name.startsWith('access-control-'))
    .sort()

await t.test('pages of the origins that are set may call', async (t) => {
  const { app, call, signup } = await buildTestApp(t, { env: { CORS_ORIGINS: allowed.join(',') } })
  const { access_token: token } = await signup()
  for (const origin of allowed) {
    const replies = [
      await call('GET', '/me', { token, headers: { origin } }),
      await call('GET', '/me', { headers: { origin } }),
      await call('GET', '/nope', { headers: { origin } }),
      await call('PUT', '/me', { headers: { origin } }),
      await call('POST', '/login', { body: '{', headers: { ...jsonType, origin } }),
      await call('POST', '/login', {
        body: 'x',
        headers: { origin, 'content-type': 'text/plain' },
      }),
      await call('GET', '/health/live', { headers: { origin } }),
    ]
    t.strictSame(
      replies.map(({ statusCode }) => statusCode),
      [200, 401, 404, 405, 400, 415, 200],
    )
    for (const { headers } of replies) {
      t.equal(headers['access-control-allow-origin'], origin)
      t.match(headers.vary, /\borigin\b/i)
      t.equal(
        headers['access-control-expose-headers'],
        'allow, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id',
      )
      t.strictSame(
        corsHeaders(headers),
        ['access-control-allow-origin', 'access-control-expose-headers'],
        'and no credentials',
      )
    }
    for (const [url, method] of [
      ['/me', 'PATCH'],
      ['/me', 'DELETE'],
      ['/login', 'POST'],
      ['/claims', 'GET'],
    ] as const) {
      const reply = await app.inject({ method: 'OPTIONS', url, headers: preflight(origin, method) })
      t.equal(reply.statusCode, 204, 'a preflight needs no token')
      t.equal(reply.body, '')
      t.match(reply.headers, {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
        'access-control-allow-headers': 'authorization, content-type, x-request-id',
        'access-control-max-age': '600',
        'x-content-type-options': 'nosniff',
      })
      t.match(reply.headers.vary, /\borigin\b/i)
      t.equal(reply.headers['access-control-allow-credentials'], undefined)
    }
  }
})

await t.test('pages of any other origin may not', async (t) => {
  const { app, call, signup } = await buildTestApp(t, { env: { CORS_ORIGINS: allowed.join(',') } })
  const { access_token: token } = await signup()
  for (const origin of others) {
    const replies = [
      await call('GET', '/me', { token, headers: { origin } }),
      await call('GET', '/me', { headers: { origin } }),
      await call('GET', '/nope', { headers: { origin } }),
      await app.inject({ method: 'OPTIONS', url: '/me', headers: preflight(origin) }),
    ]
    for (const { headers } of replies) {
      t.equal(headers['access-control-allow-origin'], undefined, origin)
      t.equal(headers['access-control-allow-credentials'], undefined)
      t.match(headers.vary, /\borigin\b/i, 'a cache must not give it to another origin')
    }
  }
  const without = await call('GET', '/me', { token })
  t.equal(without.statusCode, 200)
  t.equal(without.headers['access-control-allow-origin'], undefined)
  t.match(without.headers.vary, /\borigin\b/i)
})

await t.test('without origins there is no CORS', async (t) => {
  const { app, call } = await buildTestApp(t)
  for (const origin of [...allowed, 'null']) {
    const replies = [
      await call('GET', '/health/live', { headers: { origin } }),
      await call('GET', '/me', { headers: { origin } }),
      await app.inject({ method: 'OPTIONS', url: '/me', headers: preflight(origin) }),
    ]
    t.strictSame(
      replies.map(({ statusCode }) => statusCode),
      [200, 401, 405],
    )
    for (const { headers } of replies) {
      t.strictSame(corsHeaders(headers), [])
      t.equal(headers.vary, undefined)
    }
  }
})
