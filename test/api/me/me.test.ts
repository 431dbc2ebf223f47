import t from 'tap'
import type { Store } from '../../../src/store/open-store.js'
import {
  buildTestApp,
  goodPassword,
  onEachDatabase,
  outcome,
  problem,
  query,
} from '../../helper.js'
import { outcomes } from '../../support/replies.js'
import { everyRowIs, nameOf, rowsOf } from '../../support/table.js'

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
      delete: async (account, options) => {
        if (meanwhile !== null) await query(databaseUrl, meanwhile)
        if (isOnce) meanwhile = null
        return await store.accounts.delete(account, options)
      },
    },
  })
  const { call, signup, time, databaseUrl, stored } = await buildTestApp(t, {
    database,
    wrapStore,
    env: { RATE_LIMITS: 'off' },
  })
  const rows = async () =>
    await query(databaseUrl, 'SELECT email, name FROM users WHERE deleted_at IS NULL')
  const disabledAt = database === 'sqlite' ? '1' : 'now()'

  await t.test('GET reads and PATCH renames the account', async (t) => {
    const { access_token: token, user } = await signup({ email, name: 'Ada' })
    const before = await call('GET', '/me', { token })
    t.strictSame([before.statusCode, before.json()], [200, user], 'GET /me')
    for (const name of ['Ada King', '伯爵夫人', null]) {
      time.now += 1000
      const reply = await call('PATCH', '/me', { token, body: { name } })
      const after = await call('GET', '/me', { token })
      const renamed = { ...user, name, updated_at: new Date(time.now).toISOString() }
      t.strictSame(
        [reply.statusCode, reply.json(), after.json()],
        [200, renamed, renamed],
        `renamed ${nameOf(name)}`,
      )
    }
    t.strictSame(await rows(), [{ email, name: null }], 'the row')
  })

  await t.test('DELETE removes this account with its password', async (t) => {
    const { access_token: token } = (
      await call('POST', '/login', { body: { email, password: goodPassword } })
    ).json()
    const other = await signup({ email: 'grace@example.org', name: 'Grace' })
    await everyRowIs(
      t,
      rowsOf(['wrong', '', 'x'.repeat(257), '\ud800', goodPassword.toUpperCase()]),
      '403 wrong_password',
      async (password) => outcome(await call('DELETE', '/me', { token, body: { password } })),
      'wrong passwords',
    )
    t.equal(await stored.count(), 2, 'no account was deleted')
    const reply = await call('DELETE', '/me', { token, body })
    t.strictSame([reply.statusCode, reply.body], [204, ''], 'the reply')
    t.match(
      reply.headers,
      { 'content-type': undefined, 'content-length': undefined, 'cache-control': 'no-store' },
      'the headers',
    )
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
        `${method} with the token of the deleted account`,
      )
    }
    problem(
      t,
      await call('POST', '/login', { body: { email, password: goodPassword } }),
      401,
      'invalid_credentials',
    )
    const again = await signup({ email })
    t.equal(again.user.email, email, 'the address is free')
    problem(t, await call('GET', '/me', { token }), 401, 'invalid_token', 'the old token')
    t.equal(outcome(await call('GET', '/me', { token: other.access_token })), '200', 'another')
  })

  await t.test('a disabled account is refused by each method of /me', async (t) => {
    const { access_token: token, user } = await signup()
    await stored.disable(user.id)
    await everyRowIs(
      t,
      [
        ['GET', undefined],
        ['PATCH', { name: 'x' }],
        ['DELETE', body],
      ] as ReadonlyArray<[name: string, body: object | undefined]>,
      '403 forbidden',
      async (body, method) =>
        outcome(await call(method as 'GET', '/me', { token, ...(body && { body }) })),
      'methods of /me',
    )
    t.match(await stored.row(user.id), { name: null }, 'the name has not changed')
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
      t.equal(outcome(reply), code === null ? String(status) : `${status} ${code}`, 'the outcome')
      meanwhile = null
      t.equal(
        (await stored.row(user.id))?.deleted_at !== null,
        change === null || code === null,
        'deleted or not',
      )
    })
  }

  await t.test('one of twenty deletions at once wins', async (t) => {
    const { access_token: token } = await signup()
    const replies = await Promise.all(
      Array.from({ length: 20 }, async () => await call('DELETE', '/me', { token, body })),
    )
    t.strictSame(outcomes(replies), { 204: 1, '401 invalid_token': 19 }, 'deletions')
  })
})
