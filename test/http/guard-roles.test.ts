import { Type } from 'typebox'
import t from 'tap'
import type { App } from '../../src/http/fastify.js'
import { buildTestApp, goodPassword, outcome, problem } from '../helper.js'
import { cookieOf, from, keep, signupByCookie } from '../support/cookie-client.js'
import { createClient, signupByKey } from '../support/dpop-client.js'
import { buildForger } from '../support/forger.js'
import { giveRoles } from '../support/roles.js'
import { listen } from '../support/send.js'

const ofAdmins = { config: { roles: ['admin'] } }
const body = Type.Object({ size: Type.Integer() }, { additionalProperties: false })

/** Routes for admins alone, and for accounts that have two roles. */
function addRoutes(app: App): void {
  app.register(async (api: App) => {
    api.get('/staff', ofAdmins, async ({ user }) => ({ sub: user.sub }))
    api.post('/staff', { ...ofAdmins, schema: { body } }, async () => ({}))
    api.get('/both', { config: { roles: ['admin', 'billing.read'] } }, async () => ({}))
    api.get('/own', async ({ user }) => {
      const own: unknown = user.plan
      return { own: own ?? null }
    })
  })
}

t.test('a route with roles is for tokens that have every one of them', async (t) => {
  const { make, call, claims } = await buildForger(t, 'ES256', { beforeReady: addRoutes })
  const rows: Array<[roles: string[] | undefined, staff: string, both: string]> = [
    [undefined, '403 missing_role', '403 missing_role'],
    [[], '403 missing_role', '403 missing_role'],
    [['editor'], '403 missing_role', '403 missing_role'],
    [['admins', 'adm', 'xadmin', 'admin.x', 'admin-2'], '403 missing_role', '403 missing_role'],
    [['admin'], '200', '403 missing_role'],
    [['billing.read'], '403 missing_role', '403 missing_role'],
    [['admin', 'billing'], '200', '403 missing_role'],
    [['admin', 'billing.read.all'], '200', '403 missing_role'],
    [['billing.read', 'editor', 'admin'], '200', '200'],
  ]
  for (const [roles, staff, both] of rows) {
    const token = make({ claims: { roles } })
    const name = String(roles)
    // Twice: the second time the guard knows the token.
    for (const time of ['first', 'second']) {
      t.equal(outcome(await call('GET', '/staff', { token })), staff, `${name}, ${time}`)
      t.equal(outcome(await call('GET', '/both', { token })), both, `both, ${name}, ${time}`)
    }
    t.equal(outcome(await call('GET', '/own', { token })), '200', `a route without roles, ${name}`)
  }
  const admin = make({ claims: { roles: ['admin'] } })
  t.equal((await call('GET', '/staff', { token: admin })).json().sub, claims.sub)
  t.equal(outcome(await call('GET', '/staff')), '401 missing_token', 'without a token')
})

t.test('a missing role is reported before the body', async (t) => {
  const { make, call } = await buildForger(t, 'ES256', { beforeReady: addRoutes })
  const [plain, admin] = [make(), make({ claims: { roles: ['admin'] } })]
  for (const wrong of [{}, { size: 'x' }, { size: 1, more: 2 }]) {
    problem(t, await call('POST', '/staff', { token: plain, body: wrong }), 403, 'missing_role')
    problem(t, await call('POST', '/staff', { token: admin, body: wrong }), 400, 'invalid_request')
  }
  problem(t, await call('POST', '/staff', { token: plain, body: { size: 1 } }), 403, 'missing_role')
  t.equal((await call('POST', '/staff', { token: admin, body: { size: 1 } })).statusCode, 200)
})

t.test('roles and versions of a wrong type are 401', async (t) => {
  const { make, call, refuses, logText } = await buildForger(t, 'ES256', {
    beforeReady: addRoutes,
  })
  const wrong: Array<[claim: string, value: unknown]> = [
    ...['admin', 5, true, null, {}, { 0: 'admin' }, { includes: 'x' }, { length: 1 }].map(
      (value): [string, unknown] => ['roles', value],
    ),
    ...[[5], [null], [{}], [['admin']], ['admin', 5], ['admin', null], ['Admin']].map(
      (value): [string, unknown] => ['roles', value],
    ),
    ...['editor,admin', 'admin\r\nx: y', 'admin\n', ' admin', 'admin ', ''].map(
      (name): [string, unknown] => ['roles', [name]],
    ),
    ...['1', -1, 1.5, null, {}, [1], true].map((value): [string, unknown] => ['ver', value]),
  ]
  for (const [claim, value] of wrong) {
    const name = `${claim} ${JSON.stringify(value)}`
    const token = make({ claims: { [claim]: value } })
    await refuses(t, name, token)
    problem(t, await call('GET', '/staff', { token }), 401, 'invalid_token', name)
  }
  t.notMatch(logText(), /internal error/)
})

t.test('no spelling or method of a route gets past its roles', async (t) => {
  const { app, make } = await buildForger(t, 'ES256', { beforeReady: addRoutes })
  const { send } = await listen(t, app)
  const [plain, admin] = [make(), make({ claims: { roles: ['admin'] } })]
  const ask = async (token: string, method: string, path: string) =>
    (await send({ method, path, headers: ['authorization', `Bearer ${token}`] })).status
  for (const method of ['GET', 'HEAD'])
    for (const path of [
      '/staff',
      '/staff/',
      '//staff',
      '/STAFF',
      '/%73taff',
      '/staff?',
      '/staff?roles=admin',
      'http://evil.example/staff',
    ]) {
      t.equal(await ask(plain, method, path), 403, `${method} ${path}`)
      t.equal(await ask(admin, method, path), 200, `${method} ${path}, admin`)
    }
  for (const path of ['/staff/x', '/staff%2F', '/staff;x'])
    t.equal(await ask(plain, 'GET', path), 404, path)
  t.equal(await ask(plain, 'DELETE', '/staff'), 405)
})

t.test('cookies and bound tokens need the role as well', async (t) => {
  const test = await buildTestApp(t, { beforeReady: addRoutes })
  const { call, signup } = test

  const { jar, reply } = await signupByCookie(test)
  const { user } = reply.json<{ user: { id: string } }>()
  const byCookie = async (method: 'GET' | 'POST', origin: string) =>
    outcome(
      await call(method, '/staff', {
        headers: { cookie: cookieOf(jar), ...from(origin) },
        ...(method === 'POST' && { body: { size: 1 } }),
      }),
    )
  const own = 'http://localhost:3000'
  t.equal(await byCookie('GET', own), '403 missing_role')
  await giveRoles(test, user.id, ['admin'])
  t.equal(await byCookie('GET', own), '403 missing_role', 'the cookie is older than the role')
  keep(
    jar,
    await call('POST', '/refresh', {
      headers: { cookie: cookieOf(jar), ...from(own) },
      body: { transport: 'cookie' },
    }),
  )
  t.equal(await byCookie('GET', own), '200')
  t.equal(await byCookie('POST', own), '200')
  t.equal(await byCookie('POST', 'https://evil.example'), '403 cross_site_request')
  const two = { cookie: `latchkey=x; ${cookieOf(jar)}`, ...from(own) }
  t.equal(outcome(await call('GET', '/staff', { headers: two })), '200', 'beside a planted cookie')

  const bound = await signupByKey(test)
  const byKey = async (token: string) =>
    outcome(await bound.client.send('GET', '/staff', { token }))
  t.equal(await byKey(bound.token), '403 missing_role')
  await giveRoles(test, bound.user.id, ['admin'])
  const login = await bound.client.send('POST', '/login', {
    body: { email: bound.email, password: goodPassword },
  })
  const { access_token: token } = login.json<{ access_token: string }>()
  t.equal(await byKey(token), '200')
  for (const stolen of [bound.token, token])
    problem(t, await call('GET', '/staff', { token: stolen }), 401, 'invalid_token')
  const thief = createClient(test)
  await thief.send('GET', '/staff', { token })
  t.equal(
    outcome(await thief.send('GET', '/staff', { token })),
    '401 invalid_dpop_proof',
    'another key',
  )
  const { access_token: plain } = await signup()
  t.equal(outcome(await call('GET', '/staff', { token: plain })), '403 missing_role')
})

t.test('a route cannot change the claims that other requests get', async (t) => {
  const own = { plan: { name: 'free', limits: [1, { deep: 2 }] }, list: ['a'], none: null }
  const { make, call, claims } = await buildForger(t, 'ES256', {
    beforeReady: (app) => {
      app.get('/change', async ({ user }) => {
        const { roles, ...rest } = user as unknown as { roles: string[] } & typeof own
        const changes = [
          () => roles.push('admin'),
          () => (roles[0] = 'admin'),
          () => (rest.plan.name = 'gold'),
          () => rest.plan.limits.push(3),
          () => ((rest.plan.limits[1] as { deep: number }).deep = 3),
          () => rest.list.pop(),
          () => Object.assign(user, { roles: ['admin'] }),
        ]
        return changes.map((change) => {
          try {
            change()
            return 'changed'
          } catch {
            return 'refused'
          }
        })
      })
    },
  })
  const token = make({ claims: { ...own, roles: ['editor'] } })
  for (const time of ['first', 'second'])
    t.strictSame(
      (await call('GET', '/change', { token })).json(),
      Array.from({ length: 7 }, () => 'refused'),
      time,
    )
  t.strictSame((await call('GET', '/claims', { token })).json(), {
    ...claims,
    ...own,
    roles: ['editor'],
  })
})

t.test('roles that cannot work are refused at start', async (t) => {
  const added = async (config: object) => {
    const { app } = await buildTestApp(t, {
      beforeReady: (app) => {
        app.get('/late', { config }, async () => ({}))
      },
    })
    return app.hasRoute({ method: 'GET', url: '/late' })
  }
  for (const [config, message] of [
    [{ public: true, roles: ['admin'] }, /public route/],
    [{ public: true, roles: [] }, /public route/],
    [{ roles: [] }, /at least one role/],
    [{ public: true, scopes: [] }, /public route/],
    [{ scopes: 'users:read' }, /must be a list/],
    [{ scopes: ['a b'] }, /printable ASCII/],
    [{ roles: 'admin' }, /at least one role/],
    [{ roles: null }, /at least one role/],
    [{ roles: ['Admin'] }, /begins with a-z/],
    [{ roles: ['admin', 'admin'] }, /twice/],
  ] as const)
    await t.rejects(added(config), { message }, JSON.stringify(config))
  t.equal(await added({ roles: ['admin'] }), true)
})

t.test('the contract of a route with roles has missing_role', async (t) => {
  const about = { operationId: 'x', summary: 'x', description: 'x', tags: ['Account'] }
  const { app } = await buildTestApp(t, {
    beforeReady: (app) => {
      app.register(async (api: App) => {
        api.get(
          '/staff',
          { ...ofAdmins, schema: { ...about, operationId: 'staff' } },
          async () => ({}),
        )
        api.get('/all', { schema: { ...about, operationId: 'all' } }, async () => ({}))
      })
    },
  })
  const { components, paths } = app.swagger() as unknown as {
    components: { schemas: Record<string, { properties: { code: { enum: string[] } } }> }
    paths: Record<string, { get: { responses: Record<string, { description: string }> } }>
  }
  t.match(paths['/staff']?.get.responses['403']?.description, /^`missing_role`: /)
  t.ok(components.schemas.StaffProblem?.properties.code.enum.includes('missing_role'))
  // For machine clients.
  t.match(paths['/all']?.get.responses['403']?.description, /^`forbidden`: /)
})
