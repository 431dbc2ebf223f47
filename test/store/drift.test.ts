import t, { type Test } from 'tap'
import { parseDatabaseUrl, type Provider } from '../../src/store/database.js'
import { applyMigrations } from '../../src/store/migrations.js'
import { schemaFor } from '../../src/store/new-migration.js'
import { withSchemaEngine } from '../../src/store/schema-engine.js'
import { freshDatabase, onEachDatabase, projectFile, query } from '../helper.js'

/**
 * What describes the tables of a database: columns, indexes, constraints. Columns are in order
 * of their names, for a migration adds them at the end.
 */
const descriptions: Record<Provider, string[]> = {
  sqlite: [
    'SELECT m.name AS t, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = \'table\' ORDER BY 1, 2',
    'SELECT m.name AS t, i.name, i."unique", i.partial, x.seqno, x.name AS c FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) x WHERE m.type = \'table\' ORDER BY 1, 2, 5',
    'SELECT m.name AS t, f."table", f."from", f."to", f.on_update, f.on_delete FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = \'table\' ORDER BY 1, 2, 3',
  ],
  postgresql: [
    "SELECT table_name AS t, column_name, data_type, datetime_precision, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT tablename AS t, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    "SELECT conrelid::regclass::text AS t, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
  ],
}

/** The indexes of the migrations that Prisma's schema cannot express: partial ones, collations. */
const handWritten: Record<Provider, string[]> = {
  sqlite: [
    'users_version_changed',
    'users_created',
    'users_with_roles',
    'users_admins',
    'users_disabled',
    'users_deleted',
  ],
  postgresql: [
    'users_version_changed',
    'users_created',
    'users_with_roles',
    'users_admins',
    'users_disabled',
    'users_deleted',
    'users_email_bytes',
  ],
}

/** Describes a database, but for Prisma's own table. */
async function describe(url: string, kind: Provider): Promise<Array<Record<string, unknown>[]>> {
  const answers = await Promise.all(descriptions[kind].map(async (sql) => await query(url, sql)))
  return answers.map((rows) => rows.filter((row) => row.t !== '_prisma_migrations'))
}

/** Returns the name of the hand-written index that a row describes. */
function findHandWritten(row: Record<string, unknown>, kind: Provider): string | undefined {
  return handWritten[kind].find(
    (name) => row.name === name || String(row.indexdef).startsWith(`CREATE INDEX ${name} ON `),
  )
}

/** Describes a fresh database that is made from a schema at one go, without migrations. */
async function describeSchema(t: Test, kind: Provider, written: string) {
  const url = await freshDatabase(t, kind)
  const sql = await withSchemaEngine(
    parseDatabaseUrl('file::memory:'),
    async (engine) =>
      await engine.diff(
        { tag: 'empty' },
        {
          tag: 'schemaDatamodel',
          files: [{ path: 'schema.prisma', content: schemaFor(written, kind) }],
        },
      ),
  )
  const connection = await (await parseDatabaseUrl(url).migrationAdapter()).connect()
  await connection.executeScript(sql ?? '')
  await connection.dispose()
  return await describe(url, kind)
}

await onEachDatabase(t, async (t, kind) => {
  const written = await projectFile('prisma/schema.prisma')
  const url = await freshDatabase(t, kind)
  await applyMigrations(parseDatabaseUrl(url))
  const all = await describe(url, kind)
  t.strictSame(
    [...new Set(all[1]?.map((row) => findHandWritten(row, kind)))].filter(Boolean).sort(),
    handWritten[kind].sort(),
    'each index that is left out is there',
  )
  const migrated = all.map((rows) => rows.filter((row) => !findHandWritten(row, kind)))
  t.match(
    migrated.map((rows) => [...new Set(rows.map((row) => row.t))]),
    [
      ['audit', 'clients', 'users', 'webhooks'],
      ['audit', 'clients', 'users', 'webhooks'],
    ],
  )
  t.strictSame(
    migrated,
    await describeSchema(t, kind, written),
    'the migrations add up to the schema',
  )

  const changes: Array<[from: string, to: string]> = [
    ['@@map("users")', 'locale String?\n  @@map("users")'],
    ['@@map("users")', 'locale String? @default("en")\n  @@map("users")'],
    ['@@map("users")', '@@index([name])\n  @@map("users")'],
    ['@@index([changedAt, id])', ''],
    ['@@index([actor, id])', ''],
    ['@unique', ''],
    ['@default(0)', '@default(1)'],
    ['name             String?', 'name             String'],
    ['name             String?', 'name             Int?'],
    ['@map("disabled_at")', '@map("blocked_at")'],
    ['@@map("users")', '@@map("people")'],
  ]
  for (const [from, to] of changes) {
    t.ok(written.includes(from), `the schema has ${from}`)
    t.notSame(
      await describeSchema(t, kind, written.replace(from, to)),
      migrated,
      `a drift would be seen: ${from} → ${to}`,
    )
  }
})
