import t from 'tap'
import type { Store } from '../../../src/store/open-store.js'
import { buildTestApp, goodPassword, onEachDatabase, problem, query } from '../../helper.js'

const email = 'ada@example.org'
const body = { password: goodPassword }

await onEachDatabase(t, async (t, database) => {
  // What happens between the comparison of the password and the deletion.
  let meanwhile: string | null = null
  let isOnce = false
  const wrapStore = (store: Store): Store => ({
    ...store,
    accounts: {
      ...store.accounts,
      deleteIfUnchanged: async (account) => {
        if (meanwhile !== null) await query(databaseUrl, meanwhile)
        if (isOnce) meanwhile = null
        return await store.accounts.deleteIfUnchanged(account)
      },
    },
  })
  const { call, signup, time, databaseUrl } = await buildTestApp(t, {
    database,
    wrapStore,
    env: { RATE_LIMITS: 'off' },
  })
  const rows = async () => await query(databaseUrl, 'SELECT email, name FROM users')
  const disabledAt = database === 'sqlite' ? '1' : 'now()'

  await t.test('read and rename', async (t) => {
    const { access_token: token, user } = await signup({ email, name: 'Ada' })
    const before = await call('GET', '/me', { token })
    t.equal(before.statusCode, 200)
    t.strictSame(before.json(), user)
    for (const name of ['Ada King', '伯爵夫人', null]) {
      time.now += 1000
      const reply = await call('PATCH', '/me', { token, body: { name } })
      t.equal(reply.statusCode, 200)
      t.strictSame(reply.json(), { ...user, name, updated_at: new Date(time.now).toISOString() })
      const after = await call('GET', '/me', { token })
      t.strictSame(after.json(), reply.json())
    }
    t.strictSame(await rows(), [{ email, name: null }])
  })

  await t.test('delete', async (t) => {
    const { access_token: token } = (
      await call('POST', '/login', { body: { email, password: goodPassword } })
    ).json()
    const other = await signup({ email: 'grace@example.org', name: 'Grace' })
    for (const password of ['wrong', '', 'x'.repeat(257), '\ud800', goodPassword.toUpperCase()])
      problem(t, await call('DELETE', '/me', { token, body: { password } }), 403, 'wrong_password')
    t.equal((await rows()).length, 2)
    const reply = await call('DELETE', '/me', { token, body })
    t.equal(reply.statusCode, 204)
    t.equal(reply.body, '')
    t.match(reply.headers, {
      'content-type': undefined,
      'content-length': undefined,
      'cache-control': 'no-store',
    })
    t.strictSame(
      await rows(),
      [{ email: 'grace@example.org', name: 'Grace' }],
      'that account and no other',
    )
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      problem(
        t,
        await call(method, '/me', {
          token,
          ...(method !== 'GET' && { body: method === 'PATCH' ? { name: 'x' } : body }),
        }),
        401,
        'invalid_token',
      )
    }
    problem(
      t,
      await call('POST', '/login', { body: { email, password: goodPassword } }),
      401,
      'invalid_credentials',
    )
    const again = await signup({ email })
    t.equal(again.user.email, email)
    problem(t, await call('GET', '/me', { token }), 401, 'invalid_token')
    t.equal((await call('GET', '/me', { token: other.access_token })).statusCode, 200)
  })

  await t.test('a disabled account may do nothing', async (t) => {
    const { access_token: token, user } = await signup()
    await query(databaseUrl, `UPDATE users SET disabled_at = ${disabledAt} WHERE id = '${user.id}'`)
    problem(t, await call('GET', '/me', { token }), 403, 'forbidden')
    problem(t, await call('PATCH', '/me', { token, body: { name: 'x' } }), 403, 'forbidden')
    problem(t, await call('DELETE', '/me', { token, body }), 403, 'forbidden')
    t.strictSame(await query(databaseUrl, `SELECT name FROM users WHERE id = '${user.id}'`), [
      { name: null },
    ])
  })

  for (const [what, change, once, status, code] of [
    ['logged out everywhere', 'token_epoch = token_epoch + 1', true, 204, null],
    [
      'logged out everywhere again and again',
      'token_epoch = token_epoch + 1',
      false,
      503,
      'unavailable',
    ],
    [
      'given another password',
      "token_epoch = token_epoch + 1, password_hash = 'x'",
      true,
      403,
      'wrong_password',
    ],
    ['disabled', `disabled_at = ${disabledAt}`, true, 403, 'forbidden'],
    ['deleted', null, true, 401, 'invalid_token'],
  ] as const) {
    await t.test(`an account that is ${what} while it is being deleted`, async (t) => {
      const { access_token: token, user } = await signup()
      meanwhile =
        change === null
          ? `DELETE FROM users WHERE id = '${user.id}'`
          : `UPDATE users SET ${change} WHERE id = '${user.id}'`
      isOnce = once
      const reply = await call('DELETE', '/me', { token, body })
      if (code === null) t.equal(reply.statusCode, status)
      else problem(t, reply, status, code)
      meanwhile = null
      t.equal(
        (await query(databaseUrl, `SELECT id FROM users WHERE id = '${user.id}'`)).length,
        change === null || code === null ? 0 : 1,
      )
    })
  }

  await t.test('of twenty deletions at once, one wins', async (t) => {
    const { access_token: token } = await signup()
    const replies = await Promise.all(
      Array.from({ length: 20 }, async () => await call('DELETE', '/me', { token, body })),
    )
    const [winner, ...others] = replies.sort((a, b) => a.statusCode - b.statusCode)
    t.equal(winner?.statusCode, 204)
    for (const reply of others) problem(t, reply, 401, 'invalid_token')
  })
})
