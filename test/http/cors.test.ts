import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { buildTestApp, jsonType } from '../helper.js'
import { everyRowIs, rowsOf } from '../support/table.js'

const allowed = [
  'https://app.example.com',
  'http://localhost:5173',
  'capacitor://localhost',
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
]
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
  'capacitor://localhost/',
  'capacitor://other',
  'ionic://localhost',
  'chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba',
]
const preflight = (origin: string, method = 'POST') => ({
  origin,
  'access-control-request-method': method,
  'access-control-request-headers': 'authorization,content-type',
})
type Headers = LightMyRequestResponse['headers']

const corsOf = (headers: Headers) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
const variesByOrigin = ({ vary }: Headers) => /\borigin\b/i.test(String(vary))

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
    t.strictSame(
      replies.map(({ headers }) => ({ ...corsOf(headers), vary: variesByOrigin(headers) })),
      replies.map(() => ({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers':
          'allow, dpop-nonce, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id',
        vary: true,
      })),
      `the headers of ${origin}, with credentials`,
    )
    for (const [url, method] of [
      ['/me', 'PATCH'],
      ['/me', 'DELETE'],
      ['/login', 'POST'],
      ['/claims', 'GET'],
    ] as const) {
      const reply = await app.inject({ method: 'OPTIONS', url, headers: preflight(origin, method) })
      t.strictSame(
        {
          status: reply.statusCode,
          body: reply.body,
          vary: variesByOrigin(reply.headers),
          sniff: reply.headers['x-content-type-options'],
          ...corsOf(reply.headers),
        },
        {
          status: 204,
          body: '',
          vary: true,
          sniff: 'nosniff',
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
          'access-control-allow-credentials': 'true',
          'access-control-allow-headers':
            'authorization, content-type, dpop, x-request-id, traceparent, tracestate, baggage, sentry-trace',
          'access-control-max-age': '600',
          'access-control-expose-headers': reply.headers['access-control-expose-headers'],
        },
        `a preflight of ${origin} for ${method} ${url} needs no token`,
      )
    }
  }
})

await t.test('pages of any other origin may not', async (t) => {
  const { app, call, signup } = await buildTestApp(t, { env: { CORS_ORIGINS: allowed.join(',') } })
  const { access_token: token } = await signup()
  await everyRowIs(
    t,
    rowsOf(others),
    Array.from({ length: 4 }, () => ({ allowed: undefined, credentials: undefined, vary: true })),
    async (origin) => {
      const replies = [
        await call('GET', '/me', { token, headers: { origin } }),
        await call('GET', '/me', { headers: { origin } }),
        await call('GET', '/nope', { headers: { origin } }),
        await app.inject({ method: 'OPTIONS', url: '/me', headers: preflight(origin) }),
      ]
      return replies.map(({ headers }) => ({
        allowed: headers['access-control-allow-origin'],
        credentials: headers['access-control-allow-credentials'],
        // A cache must not give the reply to another origin.
        vary: variesByOrigin(headers),
      }))
    },
    'no origin is allowed',
  )
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
      replies.map(({ statusCode, headers }) => [statusCode, corsOf(headers), headers.vary]),
      [200, 401, 405].map((status) => [status, {}, undefined]),
      `no header for ${origin}`,
    )
  }
})
