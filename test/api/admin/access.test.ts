import t from 'tap'
import { buildTestApp, onEachDatabase, outcome } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { signupByKey } from '../../support/dpop-client.js'
import { tableIs } from '../../support/table.js'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, signup, time, store } = built
  const { admin, disable, login, remove, setRoles } = createAdminFlow(built)
  const keeper = await admin()
  let person = 0
  /** Every admin route, with a request that an admin succeeds with. */
  const routes = async (): Promise<Array<[route: string, body?: object]>> => {
    const { user } = await signup()
    return [
      ['GET /admin/users'],
      ['POST /admin/users', { email: `p${person++}@example.org`, invite: true }],
      [`GET /admin/users/${user.id}`],
      [`PATCH /admin/users/${user.id}`, { name: 'Grace' }],
      [`POST /admin/users/${user.id}/logout`],
      [`DELETE /admin/users/${user.id}`],
      ['GET /admin/audit'],
    ]
  }
  const successes = ['200', '201', '200', '200', '204', '204', '200']
  const bound = async () => {
    const { client, user } = await signupByKey(built)
    await setRoles(user.id, 'admin')
    const reply = await client.send('POST', '/login', {
      body: { email: user.email, password: 'brass-lantern-under-the-stair' },
    })
    return { client, token: reply.json().access_token as string }
  }
  /** Every caller, and the outcome of each of the seven routes. */
  const callers: Record<string, [token: () => Promise<string | undefined>, outcome: string]> = {
    'no token': [async () => undefined, '401 missing_token'],
    'a token of another kind': [async () => (await admin()).refreshToken, '401 invalid_token'],
    'a plain account': [async () => (await signup()).access_token, '403 missing_role'],
    'another role': [
      async () => (await createAdminFlow(built).personWith('editor', 'administrator')).token,
      '403 missing_role',
    ],
    'a demoted admin with a live token': [
      async () => {
        const { id, token } = await admin()
        await setRoles(id)
        return token
      },
      '403 missing_role',
    ],
    'a disabled admin with a live token': [
      async () => {
        const { id, token } = await admin()
        await disable(id)
        return token
      },
      '403 forbidden',
    ],
    'a deleted admin': [
      async () => {
        const { id, token } = await admin()
        await remove(id)
        return token
      },
      '401 invalid_token',
    ],
    'a bound token as bearer': [async () => (await bound()).token, '401 invalid_token'],
    'an expired token': [
      async () => {
        const { token } = await admin()
        time.now += 700_000
        return token
      },
      '401 invalid_token',
    ],
  }
  for (const [name, [makeToken, expected]] of Object.entries(callers)) {
    const token = await makeToken()
    const before = await store.auditLog.list({}, null, 200)
    await tableIs(
      t,
      (await routes()).map(([route, body]) => [route, body, expected] as const),
      async (body, route) => {
        const [method, url] = route.split(' ') as [Method, string]
        return outcome(await call(method, url, { body, ...(token !== undefined && { token }) }))
      },
      name,
    )
    t.strictSame(await store.auditLog.list({}, null, 200), before, `${name}: no act`)
  }

  await t.test('an admin succeeds, also with a bound token and its proofs', async (t) => {
    const token = (await login(keeper.email)).json().access_token as string
    const key = await bound()
    for (const send of [
      async (method: Method, url: string, body?: object) =>
        await call(method, url, { token, ...(body && { body }) }),
      async (method: Method, url: string, body?: object) =>
        await key.client.send(method, url, { token: key.token, ...(body && { body }) }),
    ]) {
      const rows = (await routes()).map(
        ([route, body], index) => [route, body, String(successes[index])] as const,
      )
      await tableIs(
        t,
        rows,
        async (body, route) => {
          const [method, url] = route.split(' ') as [Method, string]
          return outcome(await send(method, url, body))
        },
        'an admin',
      )
    }
  })
})
