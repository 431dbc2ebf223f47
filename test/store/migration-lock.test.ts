import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient } from '@libsql/client'
import pg from 'pg'
import t, { type Test } from 'tap'
import { parseDatabaseUrl } from '../../src/store/database.js'
import { applyMigrations } from '../../src/store/migrations.js'
import { migrateStore, openStore } from '../../src/store/open-store.js'
import { freshDatabase, query } from '../helper.js'
import { earlierDatabase } from '../support/migrated.js'

const names = [
  '0001_init',
  '0002_email_history',
  '0003_ended_logins',
  '0004_access',
  '0005_changed_at',
  '0006_access_indexes',
  '0007_clients',
  '0008_webhooks',
]
const options = { autoMigrate: false, clock: () => 0 }
const held = { name: 'DatabaseError', message: /another process has held its lock for 0\.3 s/ }

/** Applies migrations, with a short wait. Returns the lines for the operator. */
async function isRefused(t: Test, url: string): Promise<void> {
  const lines: string[] = []
  const applying = applyMigrations(parseDatabaseUrl(url), (line) => lines.push(line), 300)
  const start = performance.now()
  await t.rejects(applying, held)
  t.ok(performance.now() - start < 10_000, 'the wait is bounded')
  t.match(lines, [/^waiting for another process .* \(at most 0\.3 s\)$/])
  t.equal(lines.length, 1, 'said once')
}

/** Applies migrations. Releases the lock once they wait for it. */
async function succeedsAfter(url: string, release: () => Promise<unknown>): Promise<string[]> {
  let released: Promise<unknown> = Promise.resolve('never')
  const { applied } = await migrateStore(url, () => {
    released = release()
  })
  if ((await released) === 'never') throw new Error('it did not wait')
  return applied
}

async function connectTo(t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  t.teardown(async () => {
    await client.end()
  })
  return client
}

const unfinished =
  'SELECT 1 FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL'

t.test('PostgreSQL: the lock of another migration', async (t) => {
  const url = await freshDatabase(t, 'postgresql')
  const other = await connectTo(t, url)
  const lock = 'pg_advisory_lock(72707369)'
  await other.query(`SELECT ${lock}`)
  await isRefused(t, url)
  t.strictSame(await query(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"), [])
  const release = async () => await other.query(`SELECT ${lock.replace('lock', 'unlock')}`)
  t.strictSame(await succeedsAfter(url, release), names)
})

t.test('PostgreSQL: a transaction that uses the table', async (t) => {
  const url = await earlierDatabase(t, 'postgresql', 2)
  const other = await connectTo(t, url)
  await other.query('BEGIN; SELECT * FROM users')
  // Of other databases of the server nobody is named: their processes are none of ours to end.
  const elsewhere = await connectTo(t, await freshDatabase(t, 'postgresql'))
  await elsewhere.query('BEGIN; SELECT * FROM pg_class; SELECT pg_advisory_lock(72707369)')
  await isRefused(t, url)
  const message = await applyMigrations(parseDatabaseUrl(url), undefined, 0).catch(
    (error: unknown) => String(error),
  )
  const [statement = ''] = /SELECT DISTINCT pid,.*?\)(?= lists)/.exec(String(message)) ?? []
  // The connection of the refused migration takes a moment to close.
  const isOurs = (row: Record<string, unknown>) => row.application_name === 'latchkey migrate'
  let holders = await query(url, statement)
  while (holders.some(isOurs)) holders = await query(url, statement)
  t.match(holders, [{ application_name: '', query: /SELECT \* FROM users/ }])
  t.equal(holders.length, 1)
  t.strictSame(await query(url, unfinished), [], 'it can be tried again')
  const release = async () => await other.query('ROLLBACK')
  t.strictSame(await succeedsAfter(url, release), names.slice(2))
  await (await openStore(url, options)).close()
})

t.test('PostgreSQL: a migration that fails changes nothing, and can be tried again', async (t) => {
  const url = await freshDatabase(t, 'postgresql')
  // The name of an index in the second statement.
  await query(url, 'CREATE SEQUENCE users_email_key')
  const migrated = async () => (await migrateStore(url, () => {})).applied
  for (let tries = 0; tries < 2; tries++)
    await t.rejects(migrated(), {
      code: 'unavailable',
      cause: { cause: { originalCode: '42P07' } },
    })
  t.strictSame(await query(url, unfinished), [])
  t.strictSame(
    await query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"),
    [{ tablename: '_prisma_migrations' }],
    'the first statement was undone',
  )
  await query(url, 'DROP SEQUENCE users_email_key')
  t.strictSame(await migrated(), names)
  await (await openStore(url, options)).close()
})

t.test('SQLite: the lock of another migration, and of a writer', async (t) => {
  const url = await freshDatabase(t, 'sqlite')
  const other = createClient({ url: `${url}-migrating` })
  await other.execute('BEGIN EXCLUSIVE')
  await isRefused(t, url)
  await other.execute('ROLLBACK')
  other.close()

  const writer = fork(
    fileURLToPath(new URL('fixtures/hold-write-lock.ts', import.meta.url)),
    [url],
    { stdio: 'inherit' },
  )
  const exited = once(writer, 'exit')
  await once(writer, 'message')
  await isRefused(t, url)
  t.teardown(() => writer.kill())
  const applied = await applyMigrations(parseDatabaseUrl(url), () => writer.send('let go'))
  t.strictSame(applied, names)
  await exited
  await (await openStore(url, options)).close()
})
