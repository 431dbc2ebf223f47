import t, { type Test } from 'tap'
import type { Account, AccountChanges, Accounts } from '../../src/store/accounts.js'
import { type Store, openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase, frozenNow, onEachDatabase, query } from '../helper.js'

const admin = '["admin"]'
const keepAdmin = { keepAdmin: true }
const rounds = 50

/** Two stores on one database, as two processes have them. */
async function twoStores(t: Test, kind: DatabaseKind) {
  const url = await freshDatabase(t, kind)
  const open = async (): Promise<Store> => {
    const store = await openStore(url, { autoMigrate: true, clock: () => frozenNow })
    t.teardown(store.close)
    return store
  }
  const [first, second] = [await open(), await open()]
  const { accounts } = first
  let count = 0
  const create = async (roles = '[]') => {
    const email = `p${count++}@example.org`
    return (await accounts.create({ email, passwordHash: 'x', name: null, roles })) as Account
  }
  const read = async ({ id }: Account) => (await accounts.findById(id)) as Account
  const sql = async (text: string) => await query(url, text)
  const admins = async () =>
    await sql(
      `SELECT id FROM users WHERE roles LIKE '%"admin"%' AND disabled_at IS NULL AND deleted_at IS NULL`,
    )
  return { accounts, others: second.accounts, create, read, sql, admins }
}

type End = (accounts: Accounts, account: Account) => Promise<unknown>

const ends: Record<string, End> = {
  demote: async (accounts, account) => await accounts.change(account, { roles: '[]' }, keepAdmin),
  disable: async (accounts, account) =>
    await accounts.change(account, { disabled: true }, keepAdmin),
  delete: async (accounts, account) =>
    await accounts.delete(account, { ifUnchanged: false, ...keepAdmin }),
}

await onEachDatabase(t, async (t, kind) => {
  for (const [name, end] of Object.entries(ends))
    await t.test(`the last admin: ${name}`, async (t) => {
      const { accounts, create, read, sql, admins } = await twoStores(t, kind)
      const [ada, plain, disabled] = [await create(admin), await create(), await create(admin)]
      await accounts.change(disabled, { disabled: true }, { keepAdmin: false })
      const before = await read(ada)
      t.equal(await end(accounts, ada), 'last_admin', 'a disabled admin does not count')
      t.strictSame(await read(ada), before, 'nothing was changed')
      t.not(await end(accounts, await read(disabled)), 'last_admin', 'the disabled admin')
      t.not(await end(accounts, plain), 'last_admin', 'an account without the role')

      // A plain account that gets the role between read and write.
      const late = await create()
      await sql(`UPDATE users SET roles = '${admin}' WHERE id = '${late.id}'`)
      await sql(`UPDATE users SET roles = '[]' WHERE id = '${ada.id}'`)
      const missed = await end(accounts, late)
      t.notOk(name === 'demote' ? missed !== late && missed : missed, 'it has changed')
      t.strictSame(await admins(), [{ id: late.id }])

      // An admin whom another process erases between read and write.
      const gone = await create(admin)
      await accounts.delete(gone, { ifUnchanged: false, keepAdmin: false })
      const second = await end(accounts, gone)
      t.notOk(name === 'delete' ? second === 'last_admin' : second, 'it is gone')
      t.strictSame(await admins(), [{ id: late.id }])

      // The command line may.
      const alone = await read(late)
      if (name === 'delete') await accounts.delete(alone, { ifUnchanged: false, keepAdmin: false })
      else
        await accounts.change(alone, name === 'demote' ? { roles: '[]' } : { disabled: true }, {
          keepAdmin: false,
        })
      t.strictSame(await admins(), [])
    })

  await t.test('two admins who end each other at once leave one', async (t) => {
    const { accounts, others, create, sql, admins } = await twoStores(t, kind)
    const outcomes: Record<string, number> = {}
    const list = Object.values(ends)
    for (let round = 0; round < rounds; round++) {
      const pair = [await create(admin), await create(admin)] as const
      // The same way in the first third of the rounds.
      const [first, second] = (
        round % 3 === 0 ? [list[0], list[0]] : [list[round % 3], list[(round * 7 + 1) % 3]]
      ) as [End, End]
      const results = await Promise.all([first(accounts, pair[0]), second(others, pair[1])])
      const refused = results.filter((one) => one === 'last_admin').length
      outcomes[refused] = (outcomes[refused] ?? 0) + 1
      t.equal((await admins()).length, 1, `round ${round}`)
      await sql("UPDATE users SET roles = '[]'")
    }
    t.strictSame(outcomes, { 1: rounds }, 'one of the two was refused')
  })

  await t.test('five admins who end each other at once leave one', async (t) => {
    const { accounts, others, create, sql, admins } = await twoStores(t, kind)
    const list = Object.values(ends)
    for (let round = 0; round < 10; round++) {
      const all = await Promise.all(Array.from({ length: 5 }, async () => await create(admin)))
      await Promise.all(
        all.map(async (account, index) => {
          const end = list[(index + round) % 3] as End
          return await end(index % 2 === 0 ? accounts : others, account)
        }),
      )
      t.equal((await admins()).length, 1, `round ${round}`)
      await sql("UPDATE users SET roles = '[]'")
    }
  })

  await t.test('of twenty parallel changes of different members none is lost', async (t) => {
    const { accounts, others, create, read } = await twoStores(t, kind)
    const changes: AccountChanges[] = [
      { name: 'Ada' },
      { roles: '["editor"]' },
      { claims: '{"plan":"pro"}' },
      { emailVerified: true },
      { disabled: true },
    ]
    for (let round = 0; round < 4; round++) {
      const account = await create()
      const results = await Promise.all(
        changes.map(
          async (change, index) =>
            await (index % 2 === 0 ? accounts : others).change(account, change, keepAdmin),
        ),
      )
      // Taking roles depends on the state: the caller reads the account again.
      const again = changes.filter((_, index) => results[index] === null)
      t.ok(again.every((change) => 'roles' in change))
      for (const change of again) await accounts.change(await read(account), change, keepAdmin)
      const { name, roles, claims, emailVerifiedAt, disabledAt } = await read(account)
      t.strictSame(
        { name, roles, claims, emailVerifiedAt, disabledAt },
        {
          name: 'Ada',
          roles: '["editor"]',
          claims: '{"plan":"pro"}',
          emailVerifiedAt: new Date(frozenNow),
          disabledAt: new Date(frozenNow),
        },
      )
    }
  })

  await t.test('twenty parallel changes of one member', async (t) => {
    const { accounts, others, create, read } = await twoStores(t, kind)
    const count = async (change: (index: number) => AccountChanges) => {
      const account = await create()
      const results = await Promise.all(
        Array.from(
          { length: 20 },
          async (_, index) =>
            await (index % 2 === 0 ? accounts : others).change(account, change(index), keepAdmin),
        ),
      )
      return { missed: results.filter((one) => one === null).length, account: await read(account) }
    }
    const names = await count((index) => ({ name: `Ada ${index}` }))
    t.strictSame([names.missed, names.account.accessVersion], [0, 0], 'the last one wins')
    const claims = await count((index) => ({ claims: `{"n":${index}}` }))
    t.strictSame([claims.missed, claims.account.accessVersion], [0, 20], 'each raises the version')
    const roles = await count((index) => ({ roles: `["r${index}"]` }))
    t.strictSame([roles.missed, roles.account.accessVersion], [0, 20], 'the last one wins')
    const disabled = await count((index) => ({ disabled: true, name: `Ada ${index}` }))
    t.strictSame([disabled.missed, disabled.account.tokenEpoch], [19, 1], 'disabled once')
  })
})
