import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, outcome, pointersOf } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { uniquePointers } from '../../support/replies.js'
import { everyRowIs, nameOf, rowsOf, tableIs } from '../../support/table.js'

const unknown = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
const time = '2026-01-02T03:04:05.000Z'
const claimsOf = (bytes: number) => ({ k: 'x'.repeat(bytes - '{"k":""}'.length) })

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, nextMail, signup, store, stored } = built
  const { admin, acts, login, personWith } = createAdminFlow(built)
  const { id: adminId, token } = await admin()
  const create = async (body: unknown) => await call('POST', '/admin/users', { token, body })
  const patch = async (id: string, body: unknown) =>
    await call('PATCH', `/admin/users/${id}`, { token, body })
  let number = 0
  const fresh = () => `p${++number}@example.org`

  await t.test('POST creates an account with a password', async (t) => {
    const email = fresh()
    const reply = await create({
      email: ` ${email.toUpperCase()}`,
      name: 'Ada',
      password: goodPassword,
      roles: ['editor', 'viewer'],
      claims: { team: 'blue', nested: { list: [1, null] } },
      email_verified: true,
    })
    const { id, ...user } = reply.json()
    t.strictSame(
      [reply.statusCode, reply.headers.location, user],
      [
        201,
        `/admin/users/${id}`,
        {
          email,
          email_verified: true,
          name: 'Ada',
          roles: ['editor', 'viewer'],
          created_at: time,
          updated_at: time,
          disabled: false,
          claims: { team: 'blue', nested: { list: [1, null] } },
          last_login_at: null,
        },
      ],
    )
    t.equal(reply.headers['cache-control'], 'no-store')
    t.strictSame((await call('GET', `/admin/users/${id}`, { token })).json(), { id, ...user })
    t.equal((await login(email)).statusCode, 200)
    t.strictSame((await acts())[0], [
      adminId,
      'admin.user_created',
      id,
      { roles: ['editor', 'viewer'] },
    ])
    t.strictSame(
      [built.mails.length, (await store.auditLog.list({}, null, 1))[0]?.requestId],
      [1, reply.headers['x-request-id']],
      'no mail but that of the sign-up of the admin',
    )
  })

  await t.test('POST refuses bad input, and creates nothing', async (t) => {
    const { user } = await signup()
    const count = await stored.count()
    const rest = { email: fresh(), password: goodPassword }
    await tableIs(
      t,
      [
        ['no body', undefined, ['']],
        ['empty', {}, ['/email']],
        ['neither password nor invite', { email: fresh() }, ['/password']],
        ['both', { ...rest, invite: true }, ['/invite']],
        ['invite false', { email: fresh(), invite: false }, ['/invite']],
        ['unknown member', { ...rest, disabled: true }, ['/disabled']],
        ['email', { ...rest, email: 'nobody' }, ['/email']],
        ['name', { ...rest, name: '' }, ['/name']],
        ['email_verified', { ...rest, email_verified: 'true' }, ['/email_verified']],
        ['weak password', { ...rest, password: 'short' }, '422 weak_password'],
        ['the address as password', { ...rest, password: rest.email }, '422 weak_password'],
        ['a taken address', { ...rest, email: user.email.toUpperCase() }, '409 email_taken'],
        ['invited twice', { email: user.email, invite: true }, '409 email_taken'],
      ],
      async (body) => {
        const reply = await create(body)
        return uniquePointers(reply)
      },
      'POST /admin/users',
    )
    t.equal(await stored.count(), count)
  })

  await t.test('roles and claims are strict, in POST and in PATCH', async (t) => {
    const { user } = await signup()
    const roles = [
      null,
      'admin',
      {},
      { 0: 'admin' },
      ['admin', 'admin'],
      ['Admin'],
      [''],
      ['a b'],
      ['"'],
      [['admin']],
      [null],
      ['x'.repeat(33)],
      Array.from({ length: 17 }, (_, index) => `r${index}`),
      Array.from({ length: 7 }, (_, index) => `${'x'.repeat(30)}${index}`),
    ]
    const claims = [
      null,
      [],
      'x',
      ...['sub', 'roles', 'iss', 'exp', 'ver', 'email', 'constructor'].map((name) => ({
        [name]: 'x',
      })),
      claimsOf(301),
      { k: '\u0000' },
      { k: ['\ud800'] },
      Object.fromEntries([['é'.repeat(150), 1]]),
    ]
    const send = async (body: object, name: string) => {
      const replies = [
        await create({ email: fresh(), invite: true, ...body }),
        await patch(user.id, body),
      ]
      const found = replies.map((reply) => uniquePointers(reply))
      return found.every(
        (one) => Array.isArray(one) && one.every((pointer) => /^\/(roles|claims)/.test(pointer)),
      )
        ? 'refused'
        : `${name}: ${JSON.stringify(found)}`
    }
    await everyRowIs(t, rowsOf(roles.map((roles) => ({ roles }))), 'refused', send, 'roles')
    await everyRowIs(t, rowsOf(claims.map((claims) => ({ claims }))), 'refused', send, 'claims')
    t.strictSame(pointersOf(await patch(user.id, { claims: { sub: 'x' } })), ['/claims/sub'])
    for (const text of [
      '{"claims":{"__proto__":{"admin":true}}}',
      '{"claims":{"a":{"__proto__":1}}}',
    ]) {
      const reply = await call('PATCH', `/admin/users/${user.id}`, {
        token,
        body: text,
        headers: { 'content-type': 'application/json' },
      })
      t.equal(outcome(reply), '400 invalid_json', text)
    }
    const most = { roles: Array.from({ length: 16 }, (_, i) => `r${i}`), claims: claimsOf(300) }
    t.match((await patch(user.id, most)).json(), most, 'the most that is allowed')
  })

  await t.test('PATCH changes only the members that it names', async (t) => {
    const { id, refreshToken } = await personWith('editor')
    const before = (await call('GET', `/admin/users/${id}`, { token })).json()
    const steps: Array<[body: object, members: object, act: [event: string, details: object]]> = [
      [{ name: 'Grace' }, { name: 'Grace' }, ['admin.user_changed', { changed: ['name'] }]],
      [{ name: null }, { name: null }, ['admin.user_changed', { changed: ['name'] }]],
      [{ claims: { a: 1 } }, { claims: { a: 1 } }, ['admin.user_changed', { changed: ['claims'] }]],
      [
        { email_verified: true },
        { email_verified: true },
        ['admin.user_changed', { changed: ['email_verified'] }],
      ],
      [
        { roles: ['b', 'a'] },
        { roles: ['b', 'a'] },
        ['admin.roles_changed', { roles: ['b', 'a'] }],
      ],
      [{ roles: [] }, { roles: [] }, ['admin.roles_changed', { roles: [] }]],
      [
        { disabled: true },
        { disabled: true },
        ['admin.user_changed', { changed: ['disabled'], disabled: true }],
      ],
      [
        { disabled: false },
        { disabled: false },
        ['admin.user_changed', { changed: ['disabled'], disabled: false }],
      ],
    ]
    let state = before
    for (const [body, members, [event, details]] of steps) {
      const reply = await patch(id.toUpperCase(), body)
      state = { ...state, ...members }
      t.strictSame([reply.statusCode, reply.json()], [200, state], nameOf(body))
      t.strictSame((await acts())[0], [adminId, event, id, details], nameOf(body))
    }
    const count = (await acts()).length
    for (const body of [{ name: null }, { roles: [] }, { disabled: false, email: state.email }])
      t.strictSame((await patch(id, body)).json(), state, `nothing changes: ${nameOf(body)}`)
    t.equal((await acts()).length, count, 'and nothing is recorded')
    const refresh = { refresh_token: refreshToken }
    t.equal((await call('POST', '/refresh', { body: refresh })).statusCode, 401, 'disabling')
    t.strictSame(
      (await patch(id, { name: 'X', roles: ['x'], claims: {} })).json(),
      { ...state, name: 'X', roles: ['x'], claims: {} },
      'several members',
    )
    t.strictSame((await acts()).slice(0, 2), [
      [adminId, 'admin.roles_changed', id, { roles: ['x'] }],
      [adminId, 'admin.user_changed', id, { changed: ['name', 'claims'] }],
    ])
  })

  await t.test('PATCH refuses bad input', async (t) => {
    const { user } = await signup()
    const other = await signup()
    await tableIs(
      t,
      [
        ['empty', {}, ['']],
        ['no body', undefined, ['']],
        ['a list', [], ['']],
        ['unknown member', { password: goodPassword }, ['/password']],
        ['the id', { id: user.id }, ['/id']],
        ['name', { name: 1 }, ['/name']],
        ['email null', { email: null }, ['/email']],
        ['email', { email: 'x@y' }, ['/email']],
        ['email_verified', { email_verified: null }, ['/email_verified']],
        ['disabled', { disabled: 1 }, ['/disabled']],
        ['a taken address', { email: other.user.email }, '409 email_taken'],
      ],
      async (body) => uniquePointers(await patch(user.id, body)),
      'PATCH /admin/users/:id',
    )
    t.match((await call('GET', `/admin/users/${user.id}`, { token })).json(), user)
  })

  await t.test(
    'another address ends links and tokens, and is told to the former one',
    async (t) => {
      const { user, refresh_token: refreshToken } = await signup()
      const next = fresh()
      const reply = await patch(user.id, { email: next.toUpperCase() })
      t.match(reply.json(), { email: next, email_verified: false })
      const { text } = await nextMail(user.email, 'Your e-mail address at')
      t.match(text, 'The people who run localhost:3000 changed')
      t.notMatch(text, 'token=', 'no link to undo the change')
      t.match(await store.accounts.findById(user.id), { emailHistory: '[]', tokenEpoch: 1 })
      const refresh = { refresh_token: refreshToken }
      t.equal((await call('POST', '/refresh', { body: refresh })).statusCode, 401)
      t.strictSame((await acts())[0], [
        adminId,
        'admin.user_changed',
        user.id,
        { changed: ['email'] },
      ])
      t.match((await patch(user.id, { email: fresh(), email_verified: true })).json(), {
        email_verified: true,
      })
    },
  )

  await t.test('logout and DELETE', async (t) => {
    const { user, refresh_token: refreshToken } = await signup()
    const logout = await call('POST', `/admin/users/${user.id}/logout`, { token })
    t.strictSame([logout.statusCode, logout.body], [204, ''])
    const refresh = { refresh_token: refreshToken }
    t.equal((await call('POST', '/refresh', { body: refresh })).statusCode, 401)
    t.strictSame((await acts())[0], [adminId, 'admin.user_logged_out', user.id, {}])
    const deleted = await call('DELETE', `/admin/users/${user.id}`, { token })
    t.strictSame([deleted.statusCode, deleted.body], [204, ''])
    await nextMail(user.email, 'Your account at localhost:3000 was deleted')
    t.strictSame((await acts())[0], [adminId, 'admin.user_deleted', user.id, {}])
    t.equal((await login(user.email)).statusCode, 401)
    await patch((await signup()).user.id, { disabled: true })
    const count = (await acts()).length
    const [disabled] = await store.accounts.listPage({ disabled: true }, null, 1)
    const again = await call('POST', `/admin/users/${disabled?.id}/logout`, { token })
    t.strictSame([again.statusCode, (await acts()).length], [204, count], 'a disabled account')
    for (const id of [user.id, unknown, 'x', '%00', unknown.slice(1), `${unknown}%20`])
      for (const [method, path, body] of [
        ['GET', ''],
        ['PATCH', '', { name: 'x' }],
        ['DELETE', ''],
        ['POST', '/logout'],
      ] as const)
        t.equal(
          outcome(await call(method, `/admin/users/${id}${path}`, { token, body })),
          '404 not_found',
          `${method} ${id}${path}`,
        )
  })

  await t.test('logout and DELETE ignore every body', async (t) => {
    const { user } = await signup()
    const url = `/admin/users/${user.id}`
    const headers = { 'content-type': 'application/json' }
    for (const body of [undefined, '', '{', '{"a":1}'])
      t.equal((await call('POST', `${url}/logout`, { token, headers, body })).statusCode, 204)
    t.equal((await call('DELETE', url, { token, headers })).statusCode, 204)
  })

  await t.test('the log and the table have no personal data', async (t) => {
    t.notMatch(JSON.stringify(await acts()), /@|Grace|blue/)
    t.notMatch(built.logText(), /@|Grace|blue/)
    const line = built.log().find(({ event }) => event === 'admin.roles_changed')
    t.match(line, { actor: adminId, account: String, request_id: String, msg: 'audit' })
  })
})
