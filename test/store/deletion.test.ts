import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { readUser } from '../../src/cli/users-line.js'
import type { Account } from '../../src/store/accounts.js'
import { type DatabaseKind, frozenNow, onEachDatabase } from '../helper.js'
import { isErased, operatorOn } from '../support/accounts.js'
import { freshStore } from '../support/fresh-store.js'

const day = 86_400_000
const nobody = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
const anyState = { ifUnchanged: false, keepAdmin: false }

/** A store with an account that has a value in every column. */
async function fullStore(t: Test, kind: DatabaseKind) {
  const store = await freshStore(t, kind)
  const { accounts, sql } = store
  const history = [{ id: randomUUID(), email: 'former@example.org', at: frozenNow }]
  await accounts.createMany([
    {
      ...store.ada,
      id: randomUUID(),
      emailVerified: true,
      roles: '["admin"]',
      claims: '{"plan":"pro"}',
      emailHistory: JSON.stringify(history),
      endedLogins: '[["x",1]]',
      lastLoginAt: new Date(frozenNow - 1000),
    },
  ])
  const account = (await accounts.findByEmail(store.ada.email)) as Account
  const row = async () => (await sql(`SELECT * FROM users WHERE id = '${account.id}'`))[0]
  return { ...store, account, row }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('delete erases every column that could name the person', async (t) => {
    const { accounts, time, ada, account, row, create } = await fullStore(t, kind)
    const other = await create('other@example.org')
    time.now += 5000
    t.equal(await accounts.delete(account, anyState), true)
    isErased(t, await row())
    t.notMatch(JSON.stringify(await row()), /ada|former|example|pro|"x"|admin/i)
    for (const find of [
      await accounts.findById(account.id),
      await accounts.findByEmail(ada.email),
      await accounts.findByEmail(`deleted:${account.id}`),
    ])
      t.equal(find, null)
    t.strictSame(await accounts.list(null, 10), [other])
    for (const text of [ada.email, 'deleted', account.id, '@'])
      t.strictSame(
        (await accounts.search(text, null)).found,
        text === '@' ? [other] : [],
        `search ${text}`,
      )
    const filters = [{}, { emailPrefix: '' }, { emailPrefix: 'd' }, { emailPrefix: 'deleted:' }]
    for (const filter of [...filters, { disabled: true }, { role: 'admin' }, { email: ada.email }])
      t.notMatch(
        (await accounts.listPage(filter, null, 10)).map(({ id }) => id),
        [account.id],
        JSON.stringify(filter),
      )
    t.strictSame(await accounts.listPage({ email: `deleted:${account.id}` }, null, 10), [])

    const writes: Record<string, () => Promise<unknown>> = {
      updateName: async () => await accounts.updateName(account.id, 'x'),
      changePassword: async () => await accounts.changePassword(account, 'x'),
      resetPassword: async () => await accounts.resetPassword(account, 'x'),
      setPassword: async () => await accounts.setPassword(account, 'x'),
      changeEmail: async () => await accounts.changeEmail(account, account),
      takeBack: async () => await accounts.takeBack(account, account),
      verifyEmail: async () => await accounts.verifyEmail(account),
      endLogin: async () => await accounts.endLogin(account, '[]'),
      endRefreshTokens: async () => await accounts.endRefreshTokens(account.id),
      recordLogin: async () => await accounts.recordLogin(account.id),
      replaceHash: async () => await accounts.replaceHash(account.id, account.passwordHash, 'x'),
      change: async () => await accounts.change(account, { name: 'x' }, { keepAdmin: false }),
      delete: async () => await accounts.delete(account, anyState),
    }
    const erased = await row()
    for (const [name, write] of Object.entries(writes)) t.notOk(await write(), name)
    t.strictSame(await row(), erased, 'no write changes it')

    const again = await accounts.create(ada)
    t.match(again, { email: ada.email, tokenEpoch: 0 }, 'the address is free at once')
    t.not(again?.id, account.id)
  })

  await t.test('an import never revives an erased account', async (t) => {
    const { accounts, account, row } = await fullStore(t, kind)
    await accounts.delete(account, anyState)
    const erased = await row()
    const line = readUser(
      JSON.stringify({ id: account.id.toUpperCase(), email: account.email, password_hash: null }),
    )
    if (typeof line === 'string') throw new Error(line)
    t.strictSame(await accounts.createMany([line]), {
      created: 0,
      clashes: [{ index: 0, by: 'id' }],
    })
    t.strictSame(await row(), erased)
    t.equal(await accounts.findByEmail(account.email), null)
    t.match(
      readUser(JSON.stringify({ email: `deleted:${account.id}`, password_hash: null })),
      /email/,
    )
  })

  await t.test('delete takes the account as it was read, once', async (t) => {
    const { accounts, sql, create } = await freshStore(t, kind)
    const unchanged = { ifUnchanged: true, keepAdmin: true }
    const [account, other] = [await create(), await create('other@example.org')]
    t.equal(
      await accounts.delete({ ...account, tokenEpoch: 1 }, unchanged),
      false,
      'logged out everywhere since',
    )
    await sql(`UPDATE users SET disabled_at = created_at WHERE id = '${account.id}'`)
    t.equal(await accounts.delete(account, unchanged), false, 'disabled since')
    await sql(`UPDATE users SET disabled_at = NULL, roles = '["admin"]' WHERE id = '${account.id}'`)
    t.equal(await accounts.delete(account, unchanged), false, 'it became an admin')
    await sql("UPDATE users SET roles = '[]'")
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await accounts.delete(account, unchanged)),
    )
    t.strictSame(answers.filter(Boolean), [true], 'one of twenty at once')
    t.equal(await accounts.delete({ ...account, id: nobody }, anyState), false)
    t.strictSame(await accounts.findById(other.id), other)
  })

  await t.test('a disabled account is deleted, and keeps the time of its disabling', async (t) => {
    const { accounts, time, account, row } = await fullStore(t, kind)
    await operatorOn(accounts).disable(account.id)
    const before = await row()
    time.now += 1000
    const disabled = (await accounts.findById(account.id)) as Account
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await accounts.delete(disabled, anyState)),
    )
    t.strictSame(answers.filter(Boolean), [true])
    isErased(t, await row())
    t.strictSame((await row())?.disabled_at, before?.disabled_at)
  })

  await t.test('deleteUnverified erases a new account without roles alone', async (t) => {
    const { accounts, sql, create } = await freshStore(t, kind)
    const account = await create()
    const since = new Date(frozenNow)
    t.equal(await accounts.deleteUnverified(account.email, new Date(frozenNow + 1)), false, 'older')
    for (const column of ['roles = \'["editor"]\'', 'email_verified_at = created_at']) {
      await sql(`UPDATE users SET ${column}`)
      t.equal(await accounts.deleteUnverified(account.email, since), false, column)
      await sql("UPDATE users SET roles = '[]', email_verified_at = NULL")
    }
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await accounts.deleteUnverified(account.email, since)),
    )
    t.strictSame(answers.filter(Boolean), [true])
    isErased(t, (await sql('SELECT * FROM users'))[0])
  })

  await t.test('purge removes the rows that were deleted before a time', async (t) => {
    const { accounts, time, sql, create } = await freshStore(t, kind)
    const [early, late, alive] = [
      await create(),
      await create('b@example.org'),
      await create('c@example.org'),
    ]
    await accounts.delete(early, anyState)
    time.now += day
    await accounts.delete(late, anyState)
    const ids = async () => (await sql('SELECT id FROM users ORDER BY id')).map(({ id }) => id)
    t.equal(await accounts.purge(new Date(frozenNow)), 0, 'not at the time itself')
    t.equal(await accounts.purge(new Date(frozenNow + 1)), 1)
    t.strictSame(await ids(), [late.id, alive.id])
    t.match(
      await accounts.createMany([{ ...early, emailVerified: false, disabled: false }] as never),
      { created: 1 },
      'the id is free again',
    )

    // More than one statement removes.
    const people = (from: number) =>
      Array.from({ length: 1300 }, (_, index) => ({
        email: `${from + index}@example.org`,
        passwordHash: 'x',
        name: null,
        emailVerified: false,
      }))
    await accounts.createMany(people(0))
    await accounts.createMany(people(1300))
    await sql(
      `UPDATE users SET deleted_at = '2020-01-01T00:00:00.000+00:00', changed_at = '2020-01-01T00:00:00.000+00:00' WHERE password_hash = 'x'`,
    )
    const purged = await Promise.all(
      Array.from({ length: 4 }, async () => await accounts.purge(new Date(frozenNow))),
    )
    t.equal(
      purged.reduce((sum, count) => sum + count, 0),
      2600,
      'four processes at once',
    )
    t.strictSame((await ids()).length, 3)
  })
})
