import type { RouteOptions } from 'fastify'
import t from 'tap'
import { routesOf } from '../../src/app.js'
import { loadConfig } from '../../src/config.js'
import { buildTestApp, problem } from '../helper.js'
import { publicRoutes } from '../support/public-routes.js'
import { listen } from '../support/send.js'

/** Every other route: a new one is protected until it is in the list of public routes. */
const protectedRoutes = Object.keys(routesOf(loadConfig({})))
  .filter((route) => !publicRoutes.includes(route))
  .sort()
/** What a listed route answers without a body, where it is not 200. */
const answers: Record<string, number> = {
  'POST /token': 400,
  'POST /introspect': 400,
  'POST /email/change/confirm': 400,
  'POST /email/resend': 400,
  'POST /email/undo': 400,
  'POST /email/verify': 400,
  'POST /login': 400,
  'POST /logout': 204,
  'POST /password/forgot': 400,
  'POST /password/reset': 400,
  'POST /refresh': 401,
  'POST /signup': 400,
  'GET /docs/static/index.html': 302,
  // The pages are for clients that ask for HTML.
  'GET /login': 405,
  'GET /refresh': 400,
  'GET /signup': 405,
}
const withHead = (routes: string[]) =>
  [
    ...routes,
    ...routes
      .filter((route) => route.startsWith('GET '))
      .map((route) => route.replace('GET', 'HEAD')),
  ].sort()
const pathOf = (url: string) => url.replace(':code', 'invalid_token').replace('*', 'swagger-ui.css')
const challenge = 'Bearer realm="latchkey"'
type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE'

t.test('of all routes and methods, only the listed ones answer without a token', async (t) => {
  const routes: string[] = []
  const { app, call } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.addHook('onRoute', ({ method, url }) => {
        routes.push(...[method].flat().map((one) => `${one} ${url}`))
      })
    },
  })
  t.strictSame(routes.sort(), withHead([...publicRoutes, ...protectedRoutes]))
  t.ok(protectedRoutes.includes('GET /me') && protectedRoutes.includes('POST /password/change'))
  for (const route of routes) {
    const [method, url] = route.split(' ') as [Method, string]
    const reply = await call(method, pathOf(url))
    const open = withHead(publicRoutes).includes(route)
    // A 401 has a challenge (RFC 9110 §15.5.2), also that of a refresh without a token.
    const isChallenged = !open || reply.statusCode === 401
    t.equal(reply.headers['www-authenticate'], isChallenged ? challenge : undefined, route)
    t.equal(
      reply.statusCode,
      open ? (answers[route.replace('HEAD', 'GET')] ?? 200) : 401,
      `${route}: ${reply.body.slice(0, 200)}`,
    )
    if (!open && method !== 'HEAD') problem(t, reply, 401, 'missing_token')
  }
  const contract = app.swagger()
  const secured = Object.entries(contract.paths ?? {}).flatMap(([url, methods]) =>
    Object.entries(methods as Record<string, { security?: object[] }>)
      // An empty requirement says that the token can be left out.
      .filter(
        ([, { security = contract.security ?? [] }]) =>
          security.length > 0 && security.every((one) => Object.keys(one).length > 0),
      )
      .map(([method]) => `${method.toUpperCase()} ${url.replace(/{(\w+)}/g, ':$1')}`),
  )
  t.strictSame(secured.sort(), protectedRoutes, 'the contract says the same')
})

t.test('no spelling of a protected path gets past the guard', async (t) => {
  const { app, logText } = await buildTestApp(t)
  const { send } = await listen(t, app)
  for (const route of withHead(protectedRoutes)) {
    const [method, path] = route.split(' ') as [Method, string]
    const name = path.slice(1)
    const encoded = [...name]
      .map((letter) => (letter === '/' ? letter : `%${letter.charCodeAt(0).toString(16)}`))
      .join('')
    const same = [
      path,
      `/${path}`,
      `///${path}`,
      `${path}/`,
      `${path}//`,
      path.toUpperCase(),
      `/${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      `//${name.toUpperCase()}//`,
      `/${encoded}`,
      `/${encoded.toUpperCase()}`,
      `/${encoded}/`,
      `/${encoded.slice(0, 3)}${name.slice(1)}`,
      `${path}?`,
      `${path}?access_token=x`,
      `${path}/?x`,
      `http://evil.example${path}`,
    ]
    for (const spelling of same) {
      const { status, headers } = await send({ method, path: spelling })
      t.strictSame([status, headers['www-authenticate']], [401, challenge], `${method} ${spelling}`)
    }
    const other = [
      `${path};x`,
      `${path};x=1/`,
      `/;x${path}`,
      `${path}%2F`,
      `${path}%2f`,
      `/%2F${name}`,
      `${path}%00`,
      `${path}%20`,
      `${path}%23`,
      `${path}%3F`,
      `${path}.json`,
      `${path}\\`,
      `/%5C${name}`,
      `/x/..${path}`,
      `/.${path}`,
      `${path}/.`,
      `${path}/..${path}`,
      `/docs/..${path}`,
      `/docs/%2e%2e${path}`,
      `/docs/static/../..${path}`,
      `/docs/static/..%2f..%2f${name}`,
      `/problems/..${path}`,
      `/health/live/../..${path}`,
      `/%252f${name}`,
      `/%25${encoded.slice(1)}`,
      `/%c0%ae${path}`,
      `${path}%E0%A4%A`,
      `${path}%`,
      `${path}/x`,
      `${path}*`,
      `/*${path}`,
      `/:code${path}`,
    ]
    for (const spelling of other) {
      const { status } = await send({ method, path: spelling })
      t.ok([400, 401, 404, 405].includes(status), `${method} ${spelling}: ${status}`)
    }
  }
  t.notMatch(logText(), /internal error/)
})

t.test('a route is protected unless its config says public: true', async (t) => {
  let calls = 0
  const handler = async () => {
    calls++
    return {}
  }
  const configs: Array<RouteOptions['config']> = [
    undefined,
    {},
    { public: false },
    { public: 'true' as never },
    { public: 1 as never },
    { public: {} as never },
  ]
  const { call } = await buildTestApp(t, {
    beforeReady: (app) => {
      for (const [index, config] of configs.entries())
        app.route({
          method: ['GET', 'POST'],
          url: `/late/${index}`,
          handler,
          ...(config && { config }),
        })
      app.register(async (child) => {
        child.get('/nested', { preHandler: handler }, handler)
      })
      app.get('/open', { config: { public: true } }, async () => ({}))
    },
  })
  for (const url of [...configs.keys()].map((index) => `/late/${index}`).concat('/nested')) {
    problem(t, await call('GET', url), 401, 'missing_token')
    problem(t, await call('GET', url, { token: 'a.b.c' }), 401, 'invalid_token')
  }
  problem(t, await call('POST', '/late/0', { body: { broken: true } }), 401, 'missing_token')
  t.equal((await call('HEAD', '/late/0')).statusCode, 401)
  t.equal(calls, 0, 'no handler was reached')
  t.equal((await call('GET', '/open')).statusCode, 200)
})

t.test('where the guard itself fails, nobody gets in', async (t) => {
  let calls = 0
  const { call, ring, signup, log } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.get('/late', async () => {
        calls++
        return {}
      })
    },
  })
  const { access_token: token } = await signup()
  t.equal((await call('GET', '/late', { token })).statusCode, 200)
  t.equal(calls, 1, 'the token is good')

  const { find } = ring
  ring.find = () => {
    throw new Error('broken')
  }
  for (const url of ['/late', '/claims', '/me'])
    problem(t, await call('GET', url, { token }), 500, 'internal_error')
  t.equal((await call('HEAD', '/late', { token })).statusCode, 500)
  t.equal(log().filter(({ msg }) => msg === 'internal error').length, 4, 'each is logged once')
  const { access_token: unseen } = await signup()
  for (const publicPem of [
    '',
    'x',
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
  ]) {
    ring.find = (kid) => {
      const key = find(kid)
      return key && { ...key, publicPem }
    }
    for (const url of ['/late', '/claims', '/me'])
      problem(t, await call('GET', url, { token: unseen }), 401, 'invalid_token')
  }
  ring.find = find
  t.equal(calls, 1, 'no handler was reached')
  t.equal((await call('GET', '/late', { token })).statusCode, 200)
})
