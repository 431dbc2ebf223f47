import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Account } from '../../src/store/accounts.js'
import { openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, frozenNow, onEachDatabase, query } from '../helper.js'
import { earlierDatabase } from '../support/migrated.js'

const time = '2026-01-01T00:00:00.000+00:00'
const columns =
  'id, email, email_verified_at, password_hash, name, token_epoch, disabled_at, email_history, ended_logins, created_at, updated_at'

/** The statements of the version before `0004_access`: Prisma names every column of its schema. */
function earlierVersion(url: string) {
  const run = async (sql: string) => await query(url, sql)
  const where = (id: string) => `WHERE id = '${id}' AND disabled_at IS NULL`
  return {
    create: async (email: string) => {
      const id = randomUUID()
      await run(
        `INSERT INTO users (${columns}) VALUES ('${id}', '${email}', NULL, '$hash$1', 'Old', 0, NULL, '[]', '[]', '${time}', '${time}') ON CONFLICT DO NOTHING`,
      )
      return id
    },
    find: async (id: string) => (await run(`SELECT ${columns} FROM users WHERE id = '${id}'`))[0],
    rename: async (id: string) =>
      await run(
        `UPDATE users SET name = 'Older', updated_at = '${time}' ${where(id)} RETURNING id`,
      ),
    logout: async (id: string) =>
      await run(`UPDATE users SET token_epoch = token_epoch + 1 ${where(id)} RETURNING id`),
    delete: async (id: string) => await run(`DELETE FROM users WHERE id = '${id}' RETURNING id`),
  }
}

/** A database of the earlier version with two accounts, opened by this version. */
async function upgraded(t: Test, kind: DatabaseKind) {
  const url = await earlierDatabase(t, kind, 3)
  const old = earlierVersion(url)
  const ids = [await old.create('ada@example.org'), await old.create('bob@example.org')] as const
  const { accounts, close } = await openStore(url, { autoMigrate: true, clock: () => frozenNow })
  t.teardown(close)
  const read = async (id: string) => (await accounts.findById(id)) as Account
  return { url, old, ids, accounts, read }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('the migration keeps every account', async (t) => {
    const { ids, read } = await upgraded(t, kind)
    const then = new Date(time)
    t.strictSame(
      { ...(await read(ids[0])) },
      {
        id: ids[0],
        email: 'ada@example.org',
        emailVerifiedAt: null,
        passwordHash: '$hash$1',
        name: 'Old',
        roles: '[]',
        claims: '{}',
        tokenEpoch: 0,
        accessVersion: 0,
        versionChangedAt: null,
        disabledAt: null,
        deletedAt: null,
        emailHistory: '[]',
        endedLogins: '[]',
        lastLoginAt: null,
        createdAt: then,
        updatedAt: then,
        changedAt: then,
      },
    )
  })

  await t.test('the earlier version keeps working beside this one', async (t) => {
    const { old, ids, accounts, read, url } = await upgraded(t, kind)
    const id = await old.create('eve@example.org')
    const eve = await read(id)
    t.match(eve, { roles: '[]', claims: '{}', accessVersion: 0, changedAt: null, deletedAt: null })
    const [listed, ...others] = await accounts.listPage({ emailPrefix: 'eve' }, null, 5)
    t.match(eve, { ...listed }, 'it is in the list')
    t.strictSame([listed?.id, others], [id, []])
    const changed = await accounts.change(eve, { roles: '["admin"]' }, { keepAdmin: true })
    t.match(changed, { roles: '["admin"]', accessVersion: 1 })
    await accounts.updateName(id, 'New')
    t.match(await old.find(id), { email: 'eve@example.org', name: 'New' })
    t.equal((await old.rename(id)).length, 1)
    t.equal((await old.logout(id)).length, 1)
    t.match(await read(id), { name: 'Older', tokenEpoch: 1, roles: '["admin"]' })
    t.equal((await old.delete(id)).length, 1)
    t.equal(await accounts.findById(id), null)

    const [ada] = ids
    const options = { ifUnchanged: true, keepAdmin: true }
    t.equal(await accounts.delete(await read(ada), options), true)
    t.match(await old.find(ada), { email: `deleted:${ada}`, disabled_at: /./, name: null })
    t.strictSame([await old.rename(ada), await old.logout(ada)], [[], []], 'it is disabled for it')
    const again = await old.create('ada@example.org')
    t.match(await read(again), { email: 'ada@example.org' }, 'it signs up the free address')
    t.match(await query(url, `SELECT count(*) AS n FROM users`), [{ n: /^3$/ }])
    t.equal((await old.delete(ada)).length, 1, 'it deletes the row')
  })
})
