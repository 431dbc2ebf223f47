import t, { type Test } from 'tap'
import { createFindChangedVersions } from '../../src/store/changed-versions.js'
import { parseDatabaseUrl, connect } from '../../src/store/database.js'
import { listPage } from '../../src/store/list-page.js'
import type { AccountFilter } from '../../src/store/listed-account.js'
import { createWebhookCursors } from '../../src/store/webhook-table.js'
import type { PrismaClient } from '../../src/store/generated/sqlite/client.js'
import { type DatabaseKind, frozenNow, onEachDatabase, query } from '../helper.js'
import { largeDatabase } from '../support/large-database.js'

/** The plan of a query, a line each. */
async function planOf(kind: DatabaseKind, url: string, sql: string): Promise<string> {
  const rows = await query(url, `${kind === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'} ${sql}`)
  return rows.map((row) => String(row.detail ?? row['QUERY PLAN'])).join('\n')
}

/** Writes the values into a query. */
function inline(sql: string, values: unknown[]): string {
  const literal = (value: unknown) =>
    value instanceof Date
      ? `'${value.toISOString().replace('Z', '+00:00')}'`
      : typeof value === 'number'
        ? String(value)
        : `'${String(value).replaceAll("'", "''")}'`
  let index = 0
  return sql.replace(/\?|\$(\d+)/g, (_sign, number?: string) =>
    literal(values[number === undefined ? index++ : Number(number) - 1]),
  )
}

await onEachDatabase(t, async (t, kind) => {
  const url = await largeDatabase(t, kind)
  const client = await connect(parseDatabaseUrl(url))
  t.teardown(async () => {
    await client.$disconnect()
  })
  const isGood = async (t: Test, name: string, sql: string, index: RegExp, sorts = false) => {
    const plan = await planOf(kind, url, sql)
    t.match(plan, index, `${name}: ${plan}`)
    t.notMatch(plan, kind === 'sqlite' ? /SCAN users(?! USING)/ : /Seq Scan/, `${name}: no scan`)
    if (!sorts) t.notMatch(plan, kind === 'sqlite' ? /TEMP B-TREE/ : /Sort/, `${name}: no sort`)
  }

  /** A client that notes its queries. */
  const watch = () => {
    const seen: string[] = []
    const watched = new Proxy(client, {
      get: (target, name) =>
        name === '$queryRaw'
          ? async (sql: { sql: string; text: string; values: unknown[] }) => {
              seen.push(inline(kind === 'sqlite' ? sql.sql : sql.text, sql.values))
              return await client.$queryRaw(sql as never)
            }
          : (target[name as keyof PrismaClient] as unknown),
    })
    return { seen, watched }
  }

  await t.test('the feed of changed versions reads an index of each table', async (t) => {
    const { seen, watched } = watch()
    const tables = { users: 'users', clients: 'clients' }
    const find = createFindChangedVersions(watched, kind, tables)
    // The accounts of the last 1,000 seconds, one in 40.
    const lines = (await find(new Date(1_700_019_000_000), 10_001)).split('\n')
    t.strictSame([lines.length, lines[0]], [25, '00020000-0000-7000-8000-000000000000 0'])
    const [sql = '', ...others] = seen
    t.strictSame(others, [], 'one query')
    const plan = await planOf(kind, url, sql)
    t.match(plan, /users_version_changed/, plan)
    t.match(plan, kind === 'sqlite' ? /clients_version_changed_at_idx/ : /clients/, plan)
    t.notMatch(plan, /Seq Scan on users|SCAN users/, 'no scan')
  })

  await t.test('every list reads an index in its order', async (t) => {
    const after = { createdAt: new Date(1_700_010_000_000), id: 'x', email: 'p00001000@' }
    const rows: Array<[filter: AccountFilter, index: RegExp]> = [
      [{}, /users_created/],
      [{ disabled: false }, /users_created/],
      [{ disabled: true }, /users_disabled/],
      [{ role: 'admin' }, /users_admins/],
      [{ role: 'admin', disabled: true }, /users_admins/],
      [{ role: 'editor' }, /users_with_roles/],
      [{ role: 'editor', disabled: true }, /users_with_roles/],
      [{ emailPrefix: 'p0000' }, kind === 'sqlite' ? /users_email_key/ : /users_email_bytes/],
      [
        { emailPrefix: 'p0', role: 'admin' },
        kind === 'sqlite' ? /users_email_key/ : /users_email_bytes/,
      ],
    ]
    for (const [filter, index] of rows)
      for (const start of [null, after]) {
        const { seen, watched } = watch()
        const takeTurn = async () => {}
        await listPage(watched, { provider: kind, table: 'users', takeTurn }, filter, {
          after: start,
          count: 50,
        })
        t.ok(seen.length > 0)
        for (const sql of seen.slice(0, 2))
          // Of the few admins, a sort costs less than the order of the index.
          await isGood(t, JSON.stringify({ filter, start }), sql, index, filter.role === 'admin')
      }
  })

  await t.test('a look for changes of webhooks is one query on an index', async (t) => {
    const seen: string[] = []
    const adapter = await parseDatabaseUrl(url).adapter()
    const connectPlain = adapter.connect.bind(adapter)
    adapter.connect = async () => {
      const connection = await connectPlain()
      const queryRaw = connection.queryRaw.bind(connection)
      connection.queryRaw = async (query) => {
        seen.push(inline(query.sql, query.args))
        return await queryRaw(query)
      }
      return connection
    }
    const watched = await connect(parseDatabaseUrl(url), adapter)
    t.teardown(async () => {
      await watched.$disconnect()
    })
    const { changesAfter } = createWebhookCursors(watched, kind)
    const place = { changedAt: new Date(1_700_010_000_000), accountId: 'x' }
    t.equal((await changesAfter(place, new Date(1_700_015_000_000), 100)).length, 100)
    t.equal((await changesAfter(place, place.changedAt, 1)).length, 0, 'nothing to do')
    t.equal(seen.length, 2, 'a query each')
    for (const sql of seen) await isGood(t, sql, sql, /users_changed_at_id_idx/)
  })

  await t.test('look-ups, the guard of the last admin and the purge read an index', async (t) => {
    const has = kind === 'sqlite' ? `instr(roles, '"admin"') > 0` : `strpos(roles, '"admin"') > 0`
    const time = new Date(frozenNow - 1e12).toISOString().replace('Z', '+00:00')
    await isGood(t, 'by id', "SELECT * FROM users WHERE id = 'x'", /users_pkey|sqlite_autoindex/)
    await isGood(t, 'by address', "SELECT * FROM users WHERE email = 'x'", /users_email_/)
    await isGood(
      t,
      'the guard',
      `SELECT id FROM users WHERE ${has} AND disabled_at IS NULL AND deleted_at IS NULL ${kind === 'sqlite' ? '' : 'ORDER BY id FOR UPDATE'}`,
      /users_admins/,
      true,
    )
    await isGood(
      t,
      'the purge',
      `SELECT id FROM users WHERE deleted_at < '${time}' LIMIT 1000`,
      /users_deleted/,
    )
  })
})
