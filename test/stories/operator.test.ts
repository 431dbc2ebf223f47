import fastify from 'fastify'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, outcome } from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { createCommands } from '../support/operator.js'

const [boss, ada] = ['boss@corp.example', 'ada@corp.example']

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database })
  const { call, config, databaseUrl, nextMail, store } = built
  const run = createCommands({ DATABASE_URL: databaseUrl })
  const login = async (email: string) =>
    (await call('POST', '/login', { body: { email, password: goodPassword } })).json()
  const keys = createLocalJWKSet((await call('GET', '/.well-known/jwks.json')).json())
  /** Another service: it verifies tokens offline, and needs the role `editor`. */
  const service = fastify()
  t.teardown(async () => {
    await service.close()
  })
  service.get('/articles', async ({ headers }, reply) => {
    const token = String(headers.authorization).replace(/^Bearer /, '')
    const { payload } = await jwtVerify(token, keys, {
      issuer: config.PUBLIC_URL,
      audience: config.TOKEN_AUDIENCE,
      typ: 'at+jwt',
      currentDate: new Date(built.time.now),
    })
    const roles = Array.isArray(payload.roles) ? payload.roles : []
    return await reply.code(roles.includes('editor') ? 200 : 403).send({ sub: payload.sub })
  })
  const readArticles = async (token: string) =>
    (await service.inject({ url: '/articles', headers: { authorization: `Bearer ${token}` } }))
      .statusCode

  // The first admin: an account, and a command.
  await call('POST', '/signup', { body: { email: boss, password: goodPassword } })
  await call('POST', '/email/verify', { body: { token: tokenOf(await nextMail(boss, 'Confirm')) } })
  t.match(await run(['grant', boss, 'admin']), { stdout: `Granted admin to ${boss}.`, stderr: '' })
  const { access_token: token, user } = await login(boss)

  // A colleague is invited, and chooses a password.
  const invited = await call('POST', '/admin/users', { token, body: { email: ada, invite: true } })
  t.equal(invited.statusCode, 201)
  const { id } = invited.json<{ id: string }>()
  const link = tokenOf(await nextMail(ada, 'You have been invited'), '/password/reset')
  const choice = { token: link, new_password: goodPassword }
  t.equal((await call('POST', '/password/reset', { body: choice })).statusCode, 204)
  const first = await login(ada)
  t.equal(await readArticles(first.access_token), 403, 'without the role')

  // The role is given: the next token has it. It is taken: the next one has not.
  const change = async (roles: string[]) =>
    await call('PATCH', `/admin/users/${id}`, { token, body: { roles } })
  const given = await change(['editor'])
  const refresh = async (refreshToken: string) =>
    (await call('POST', '/refresh', { body: { refresh_token: refreshToken } })).json()
  const second = await refresh(first.refresh_token)
  t.equal(await readArticles(second.access_token), 200, 'with the role, without a new login')
  const taken = await change([])
  const third = await refresh(second.refresh_token)
  t.equal(await readArticles(third.access_token), 403, 'the role is gone')

  // The search finds the account, and the audit shows who did it.
  const search = await call('GET', '/admin/users?email_prefix=ADA%40', { token })
  t.match(search.json(), { users: [{ id, email: ada, roles: [] }], next_cursor: null })
  const { events } = (await call('GET', `/admin/audit?user=${id}`, { token })).json<{
    events: Array<Record<string, unknown>>
  }>()
  t.strictSame(
    events.map(({ actor, event, request_id: request, details }) => [
      actor,
      event,
      request,
      details,
    ]),
    [
      [user.id, 'admin.roles_changed', taken.headers['x-request-id'], { roles: [] }],
      [user.id, 'admin.roles_changed', given.headers['x-request-id'], { roles: ['editor'] }],
      [user.id, 'admin.user_invited', invited.headers['x-request-id'], {}],
    ],
  )
  const byCommand = await call('GET', '/admin/audit?actor=cli', { token })
  t.match(byCommand.json(), {
    events: [{ event: 'admin.roles_changed', user: user.id, request_id: null }],
  })

  await t.test('a demoted admin can do nothing, and what was done stays in sight', async (t) => {
    const { access_token: other } = await login(ada)
    await run(['grant', ada, 'admin'])
    const { access_token: adas } = await login(ada)
    const guest = { email: 'guest@corp.example', invite: true, roles: ['admin'] }
    await call('POST', '/admin/users', { token: adas, body: guest })
    const { next_cursor: cursor } = (
      await call('GET', '/admin/users?limit=1', { token: adas })
    ).json()
    await run(['revoke', ada, 'admin'])
    for (const path of ['/admin/users', `/admin/users?limit=1&cursor=${cursor}`, '/admin/audit'])
      for (const live of [adas, other])
        t.equal(outcome(await call('GET', path, { token: live })), '403 missing_role', path)
    const { events } = (await call('GET', `/admin/audit?actor=${id}`, { token })).json<{
      events: Array<{ event: string; user: string }>
    }>()
    t.match(events, [{ event: 'admin.user_invited' }])
    // The invitation would still open an account with a role. Deleting the account ends it.
    const invitation = tokenOf(await nextMail(guest.email, 'You have been invited'))
    await call('DELETE', `/admin/users/${events[0]?.user}`, { token })
    const use = { token: invitation, new_password: goodPassword }
    t.equal(
      outcome(await call('POST', '/password/reset', { body: use })),
      '400 invalid_one_time_token',
    )
  })

  await t.test("the thief of an admin's token cannot lock out the last admin", async (t) => {
    const url = `/admin/users/${user.id}`
    for (const body of [{ roles: [] }, { disabled: true }])
      t.equal(outcome(await call('PATCH', url, { token, body })), '409 last_admin')
    t.equal(outcome(await call('DELETE', url, { token })), '409 last_admin')
    for (const claims of [{ sub: id }, { roles: ['x'] }, { ver: 9 }, { exp: 9e9 }])
      t.equal(
        outcome(await call('PATCH', url, { token, body: { claims } })),
        '400 invalid_request',
        'nor become another account by a claim',
      )
    // A password that the thief does not know, and a logout, end what the thief has.
    t.match(await run(['logout', boss]), { stdout: 'Logged' })
    t.equal((await store.accounts.findById(String(user.id)))?.disabledAt, null)
  })

  await t.test("after an admin's rescue, the undo link of a thief is dead", async (t) => {
    const email = 'owner@home.example'
    const body = { email, password: goodPassword }
    const { access_token: owner, user: account } = (await call('POST', '/signup', { body })).json()
    const confirm = tokenOf(await nextMail(email, 'Confirm'))
    await call('POST', '/email/verify', { body: { token: confirm } })
    const moves = ['thief@evil.example', 'thief@other.example']
    for (const to of moves) {
      const ask = { new_email: to, password: goodPassword }
      await call('POST', '/email/change', { token: owner, body: ask })
      const link = {
        token: tokenOf(await nextMail(to, 'Confirm your new')),
        password: goodPassword,
      }
      await call('POST', '/email/change/confirm', { body: link })
    }
    const undo = tokenOf(await nextMail('thief@evil.example', /was changed$/), '/email/undo')
    const rescue = await call('PATCH', `/admin/users/${account.id}`, {
      token,
      body: { email, email_verified: true },
    })
    t.match(rescue.json(), { email, email_verified: true })
    const { text } = await nextMail('thief@other.example', /was changed$/)
    t.notMatch(text, 'token=')
    t.equal(
      outcome(await call('POST', '/email/undo', { body: { token: undo } })),
      '400 invalid_one_time_token',
    )
    t.equal((await store.accounts.findById(account.id))?.email, email)
  })
})
