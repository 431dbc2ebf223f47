import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase, outcome } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { outcomes } from '../../support/replies.js'

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, mails, signup, store } = built
  const { admin, acts, personWith, setRoles } = createAdminFlow(built)

  await t.test('no route leaves the service without an enabled admin', async (t) => {
    const { id, token } = await admin()
    const url = `/admin/users/${id}`
    const rows: Array<[method: 'PATCH' | 'DELETE' | 'POST', url: string, body?: object]> = [
      ['PATCH', url, { roles: [] }],
      ['PATCH', url, { roles: ['administrator'] }],
      ['PATCH', url, { disabled: true }],
      ['DELETE', url],
      ['DELETE', '/me', { password: goodPassword }],
      ['POST', '/me/delete', { password: goodPassword }],
    ]
    const others = [await personWith('editor'), await admin()]
    await setRoles(String(others[1]?.id))
    for (const [method, path, body] of rows)
      t.equal(
        outcome(await call(method, path, { token, body })),
        '409 last_admin',
        `${method} ${path} ${JSON.stringify(body)}`,
      )
    t.strictSame(await acts(), [], 'nothing happened, so nothing is recorded')
    t.equal((await call('PATCH', url, { token, body: { roles: ['admin', 'x'] } })).statusCode, 200)
    await setRoles(String(others[0]?.id), 'admin')
    t.equal(
      outcome(await call('PATCH', url, { token, body: { roles: [] } })),
      '200',
      'an admin may go if another one is left',
    )
    await setRoles(String(others[0]?.id))
    t.notOk(
      mails.some(({ subject }) => subject.endsWith('was deleted')),
      'nobody is told of a deletion',
    )
  })

  await t.test('two admins who demote each other leave one', async (t) => {
    for (let round = 0; round < 10; round++) {
      const [one, two] = [await admin(), await admin()]
      const replies = await Promise.all(
        [
          [one, two],
          [two, one],
        ].map(
          async ([actor, other]) =>
            await call('PATCH', `/admin/users/${other?.id}`, {
              token: String(actor?.token),
              body: { roles: [] },
            }),
        ),
      )
      const left = await store.accounts.listPage({ role: 'admin', disabled: false }, null, 9)
      t.equal(left.length, 1, `round ${round}: ${JSON.stringify(outcomes(replies))}`)
      await setRoles(String(left[0]?.id))
    }
  })

  await t.test('of twenty parallel changes of different members none is lost', async (t) => {
    const { token } = await admin()
    const { user } = await signup()
    const bodies = [
      { name: 'Grace' },
      { roles: ['editor'] },
      { claims: { team: 'blue' } },
      { email_verified: true },
      { disabled: true },
    ]
    const url = `/admin/users/${user.id}`
    const replies = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) => await call('PATCH', url, { token, body: bodies[index % 5] }),
      ),
    )
    t.strictSame(outcomes(replies), { 200: 20 })
    t.match((await call('GET', url, { token })).json(), Object.assign({}, ...bodies))
  })
})

t.test('a change that others always overtake is refused after some tries', async (t) => {
  let tries = 0
  const built = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      accounts: {
        ...store.accounts,
        change: async (account, changes, options) => {
          if (changes.name === undefined)
            return await store.accounts.change(account, changes, options)
          tries++
          return null
        },
      },
    }),
  })
  const { id, token } = await createAdminFlow(built).admin()
  const reply = await built.call('PATCH', `/admin/users/${id}`, { token, body: { name: 'x' } })
  t.strictSame([outcome(reply), tries], ['503 unavailable', 5])
})

t.test('an act that cannot be recorded is 503, and has happened', async (t) => {
  let isAway = false
  const built = await buildTestApp(t, {
    wrapStore: (store) => ({
      ...store,
      auditLog: {
        ...store.auditLog,
        add: async (entry) => {
          if (isAway) throw new (await import('../../../src/errors.js')).Problem('unavailable')
          await store.auditLog.add(entry)
        },
      },
    }),
  })
  const { call, signup, nextMail, log } = built
  const { token } = await createAdminFlow(built).admin()
  const { user } = await signup()
  isAway = true
  const reply = await call('DELETE', `/admin/users/${user.id}`, { token })
  t.equal(outcome(reply), '503 unavailable')
  t.equal(await built.store.accounts.findById(user.id), null)
  await nextMail(user.email, 'Your account at')
  t.match(
    log().find(({ event }) => event === 'admin.user_deleted'),
    { account: user.id, request_id: reply.headers['x-request-id'] },
    'the log has the act',
  )
})
