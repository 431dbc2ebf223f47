import t from 'tap'
import { createAdministration } from '../../../src/account/administer.js'
import type { Accounts } from '../../../src/store/accounts.js'
import { buildTestApp, goodPassword, onEachDatabase, outcome, problem } from '../../helper.js'
import { createAdminFlow } from '../../support/admins.js'
import { createMachineFlow } from '../../support/machines.js'
import { tableIs } from '../../support/table.js'

type Input = [method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object]

await onEachDatabase(t, async (t, database) => {
  await t.test('a leaked secret is not worth an admin', async (t) => {
    const built = await buildTestApp(t, { database })
    const { acts, admin, personWith } = createAdminFlow(built)
    const { create, tokenOf } = createMachineFlow(built)
    const boss = `/admin/users/${(await admin()).id}`
    const disabled = await admin()
    await createAdminFlow(built).disable(disabled.id)
    const off = `/admin/users/${disabled.id}`
    const plain = `/admin/users/${(await personWith('editor')).id}`
    const token = await tokenOf(await create('users:read', 'users:write'))
    const email = 'new@example.org'
    const before = [await built.stored.rows(), await acts()]
    await tableIs<Input>(
      t,
      (
        [
          ['create', ['POST', '/admin/users', { email, password: goodPassword, roles: ['admin'] }]],
          ['invite', ['POST', '/admin/users', { email, invite: true, roles: ['a', 'admin'] }]],
          ['give', ['PATCH', plain, { roles: ['editor', 'admin'] }]],
          ['take', ['PATCH', boss, { roles: [] }]],
          ['keep', ['PATCH', boss, { roles: ['admin'] }]],
          ['rename', ['PATCH', boss, { name: 'Grace' }]],
          ['move', ['PATCH', boss, { email }]],
          ['claims', ['PATCH', boss, { claims: { a: 1 } }]],
          ['disable', ['PATCH', boss, { disabled: true }]],
          ['enable', ['PATCH', off, { disabled: false }]],
          ['log out', ['POST', `${boss}/logout`]],
          ['delete', ['DELETE', boss]],
          ['delete a disabled one', ['DELETE', off]],
        ] as Array<[string, Input]>
      ).map(([name, input]) => [name, input, '403 insufficient_scope'] as const),
      async ([method, path, body]) =>
        outcome(await built.call(method, path, { token, ...(body && { body }) })),
      'acts over admins',
    )
    t.strictSame([await built.stored.rows(), await acts()], before, 'nothing changed')
    const reply = await built.call('DELETE', boss, { token })
    problem(t, reply, 403, 'insufficient_scope')
    t.notMatch(reply.headers['www-authenticate'], 'scope=', 'no scope would help')
    t.equal((await built.call('PATCH', plain, { token, body: { roles: ['a'] } })).statusCode, 200)
    const created = await built.call('POST', '/admin/users', {
      token,
      body: { email, invite: true },
    })
    t.equal(created.statusCode, 201)
  })

  for (const [name, method, path, body] of [
    ['a change', 'PATCH', '', { disabled: true }],
    ['a logout', 'POST', '/logout', undefined],
    ['a deletion', 'DELETE', '', undefined],
  ] as const)
    await t.test(`${name} of an account that becomes an admin at the same time`, async (t) => {
      // Gives the role after the account was read, once.
      let give: (() => Promise<void>) | undefined
      const racing = (accounts: Accounts): Accounts => ({
        ...accounts,
        findById: async (id) => {
          const account = await accounts.findById(id)
          const [giving] = [give]
          give = undefined
          await giving?.()
          return account
        },
      })
      const built = await buildTestApp(t, {
        database,
        wrapStore: (store) => ({ ...store, accounts: racing(store.accounts) }),
        wrapServices: (services) => ({
          ...services,
          administration: createAdministration({
            ...services,
            mails: { emailChanged() {}, passwordSet() {}, accountDeleted() {} },
          }),
        }),
      })
      const { setRoles } = createAdminFlow(built)
      const { create, tokenOf } = createMachineFlow(built)
      const token = await tokenOf(await create('users:write'))
      const { user } = await built.signup()
      give = async () => {
        await setRoles(user.id, 'admin')
      }
      const reply = await built.call(method, `/admin/users/${user.id}${path}`, {
        token,
        ...(body && { body }),
      })
      problem(t, reply, 403, 'insufficient_scope')
      t.match(await built.store.accounts.findById(user.id), {
        roles: '["admin"]',
        disabledAt: null,
        deletedAt: null,
        tokenEpoch: 0,
      })
    })

  await t.test('a disabled account has no tokens to revoke: 204', async (t) => {
    const built = await buildTestApp(t, { database })
    const { create, tokenOf } = createMachineFlow(built)
    const token = await tokenOf(await create('users:write'))
    const { user } = await built.signup()
    await createAdminFlow(built).disable(user.id)
    t.equal((await built.call('POST', `/admin/users/${user.id}/logout`, { token })).statusCode, 204)
  })
})
