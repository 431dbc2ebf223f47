import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { routesOf } from '../../../src/app.js'
import { buildTestApp, onEachDatabase, outcome, problem, type TestApp } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { createMachineFlow } from '../../support/machines.js'
import { publicRoutes } from '../../support/public-routes.js'
import { byRow, tableIs } from '../../support/table.js'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** The scope that a route of the admin API needs, and its success. */
const adminRoutes: Record<string, [scope: string, success: string]> = {
  'GET /admin/users': ['users:read', '200'],
  'GET /admin/users/:id': ['users:read', '200'],
  'GET /admin/audit': ['users:read', '200'],
  'POST /admin/users': ['users:write', '201'],
  'PATCH /admin/users/:id': ['users:write', '200'],
  'POST /admin/users/:id/logout': ['users:write', '204'],
  'DELETE /admin/users/:id': ['users:write', '204'],
}

/** The outcome of each route, for each caller. `person` is a plain account. */
function expectedOf(route: string): Record<string, string> {
  const [scope, success] = adminRoutes[route] ?? []
  const machine = (held: string) => {
    if (scope === undefined) return '403 forbidden'
    return held.split(' ').includes(scope) ? String(success) : '403 insufficient_scope'
  }
  return {
    'no token': '401 missing_token',
    person: scope === undefined ? 'as a person' : '403 missing_role',
    'without a scope': machine('orders:ship'),
    'users:read': machine('users:read'),
    'users:write': machine('users:write'),
    disabled: '403 forbidden',
    'after rotation': machine('users:read users:write'),
    'after rotate --now': scope === undefined ? '403 forbidden' : '401 invalid_token',
  }
}

async function callersOf(built: TestApp): Promise<Record<string, string | undefined>> {
  const { create, rotate, tokenOf } = createMachineFlow(built)
  const withScopes = async (...scopes: string[]) => await tokenOf(await create(...scopes))
  const both = ['users:read', 'users:write']
  const [disabled, rotated, ended] = [
    await create(...both),
    await create(...both),
    await create(...both),
  ]
  const tokens = {
    'no token': undefined,
    person: (await built.signup()).access_token,
    'without a scope': await withScopes('orders:ship'),
    'users:read': await withScopes('users:read'),
    'users:write': await withScopes('users:write'),
    disabled: await tokenOf(disabled),
    'after rotation': await tokenOf(rotated),
    'after rotate --now': await tokenOf(ended),
  }
  await built.store.machineClients.setDisabled(disabled.id, true)
  await rotate(rotated, 60)
  await rotate(ended, 0)
  return tokens
}

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup } = built
  const callers = await callersOf(built)
  const guarded = Object.keys(routesOf(built.config)).filter(
    (route) => !publicRoutes.includes(route),
  )
  for (const route of guarded)
    await t.test(route, async (t) => {
      const [method, path] = route.split(' ') as [Method, string]
      const results = await byRow(Object.entries(callers), async (token, name) => {
        const { user } = await signup()
        const body =
          route === 'POST /admin/users'
            ? { email: `${randomUUID()}@example.org`, invite: true }
            : method === 'PATCH'
              ? { name: 'Grace' }
              : undefined
        const reply = await call(method, path.replace(':id', user.id), {
          ...(body && { body }),
          ...(token !== undefined && { token }),
        })
        const isOfPeople = expectedOf(route)[name] === 'as a person'
        return isOfPeople && reply.statusCode !== 403 ? 'as a person' : outcome(reply)
      })
      t.strictSame(results, expectedOf(route))
    })

  await t.test('no act without an actor', async (t) => {
    const { acts } = createAdminFlow(built)
    const { create, tokenOf } = createMachineFlow(built)
    const machine = await create('users:write')
    const { user } = await signup()
    const token = await tokenOf(machine)
    await call('PATCH', `/admin/users/${user.id}`, { token, body: { name: 'Grace' } })
    t.strictSame((await acts())[0], [
      machine.id,
      'admin.user_changed',
      user.id,
      { changed: ['name'] },
    ])
    const lines = built.log().filter(({ event }) => event === 'admin.user_changed')
    t.match(lines.at(-1), { account: user.id, actor: machine.id })
  })
})

t.test('the challenge names the scope', async (t) => {
  const built = await buildTestApp(t)
  const { create, tokenOf } = createMachineFlow(built)
  const reply = await built.call('GET', '/admin/users', { token: await tokenOf(await create()) })
  problem(t, reply, 403, 'insufficient_scope')
  t.match(
    reply.headers['www-authenticate'],
    /^Bearer realm="latchkey", error="insufficient_scope", error_description="[^"]+", scope="users:read"$/,
  )
})

t.test('forward authentication lets in machine clients by the query alone', async (t) => {
  const built = await buildTestApp(t)
  const { claimsOf, create, tokenOf } = createMachineFlow(built)
  const machine = await create('users:read', 'orders:ship')
  const [scoped, none] = [await tokenOf(machine), await tokenOf(await create())]
  const { token: person, id } = await createAdminFlow(built).personWith('editor')
  const identity = async ([token, scope]: [token: string, scope?: string]) => {
    const reply = await claimsOf(token, scope)
    return reply.statusCode === 200
      ? ['subject', 'roles', 'scope'].map((name) => reply.headers[`x-latchkey-${name}`])
      : outcome(reply)
  }
  const letIn = [machine.id, '', 'users:read orders:ship']
  await tableIs<[token: string, scope?: string]>(
    t,
    [
      ['a machine, without a scope', [scoped], '403 forbidden'],
      ['a machine without scopes', [none], '403 forbidden'],
      ['its scope', [scoped, 'orders:ship'], letIn],
      ['both scopes', [scoped, 'orders:ship%20users:read'], letIn],
      ['both scopes, with a plus', [scoped, 'orders:ship+users:read'], letIn],
      ['one scope more', [scoped, 'orders:ship+orders:cancel'], '403 insufficient_scope'],
      ['a part of a scope', [scoped, 'orders'], '403 insufficient_scope'],
      ['a scope that it lacks', [none, 'orders:ship'], '403 insufficient_scope'],
      ['an empty scope', [scoped, ''], '400 invalid_request'],
      ['a space', [scoped, '+'], '400 invalid_request'],
      ['a scope twice', [scoped, 'orders:ship&scope=x'], '400 invalid_request'],
      ['a long scope', [scoped, 'x'.repeat(301)], '400 invalid_request'],
      ['a person', [person], [id, 'editor', '']],
      ['a person, with a scope', [person, 'orders:ship'], [id, 'editor', '']],
    ],
    identity,
    'claims',
  )
  t.match(
    (await claimsOf(none, 'orders:ship+users:read')).headers['www-authenticate'],
    /error="insufficient_scope", .*scope="orders:ship users:read"$/,
  )
})

t.test('public routes that read a token do not take that of a machine', async (t) => {
  const built = await buildTestApp(t)
  const { create, tokenOf } = createMachineFlow(built)
  const token = await tokenOf(await create('users:read'))
  const confirm = { token, body: { token: 'x' } }
  problem(t, await built.call('POST', '/email/change/confirm', confirm), 403, 'forbidden')
  t.equal((await built.call('POST', '/logout', { token })).statusCode, 204)
  problem(
    t,
    await built.call('POST', '/refresh', { body: { refresh_token: token } }),
    401,
    'invalid_refresh_token',
  )
  await inCookie(t, built, token)
})

async function inCookie(t: Test, { call }: TestApp, token: string): Promise<void> {
  for (const time of ['first', 'second']) {
    const headers = { cookie: `latchkey=${token}` }
    const reply = await call('GET', '/claims?scope=users:read', { headers })
    problem(t, reply, 401, 'invalid_token', `in a cookie, the ${time} time`)
    const { statusCode } = await call('GET', '/claims?scope=users:read', { token })
    t.equal(statusCode, 200)
  }
}
