import t from 'tap'
import { buildTestApp, goodPassword, onEachDatabase } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { tableIs } from '../../support/table.js'
import { uniquePointers } from '../../support/replies.js'

await onEachDatabase(t, async (t, database) => {
  const built = await buildTestApp(t, { database, env: { RATE_LIMITS: 'off' } })
  const { call, nextMail, store } = built
  const { admin, acts, login } = createAdminFlow(built)

  await t.test('the access token of an admin does not take its account over', async (t) => {
    const [{ id, email, token, refreshToken }, other] = [await admin(), await admin()]
    const url = `/admin/users/${id}`
    const before = await store.accounts.findById(id)
    await tableIs(
      t,
      [
        ['another address', { email: 'thief@example.net' }, ['/email']],
        ['a verified one', { email: 'thief@example.net', email_verified: true }, ['/email']],
        ['with a role', { roles: ['admin', 'x'], email: 'thief@example.net' }, ['/email']],
        ['the present address as verified', { email_verified: true }, ['/email_verified']],
      ],
      async (body) => uniquePointers(await call('PATCH', url, { token, body })),
      'the own account',
    )
    t.strictSame(await store.accounts.findById(id), before)
    t.strictSame(await acts(), [], 'nothing happened, so nothing is recorded')
    t.equal((await login(email)).statusCode, 200)
    const refresh = { refresh_token: refreshToken }
    t.equal((await call('POST', '/refresh', { body: refresh })).statusCode, 200)
    t.match(
      (
        await call('PATCH', url, { token, body: { name: 'Ada', email, email_verified: false } })
      ).json(),
      { name: 'Ada', email },
      'members that keep their value may be sent',
    )
    t.match(
      (
        await call('PATCH', `/admin/users/${other.id}`, { token, body: { email: 'b@example.org' } })
      ).json(),
      { email: 'b@example.org' },
      'the address of another admin',
    )
  })

  await t.test('an admin changes the own address with the password', async (t) => {
    const { id, token } = await admin()
    const [password, next] = [goodPassword, 'new@example.org']
    const change = await call('POST', '/email/change', {
      token,
      body: { new_email: next, password },
    })
    t.equal(change.statusCode, 202)
    await nextMail(next, 'Confirm')
    t.equal((await call('DELETE', `/admin/users/${id}`, { token })).statusCode, 204)
  })
})
