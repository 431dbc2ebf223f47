import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from '@libsql/client'
import t, { type Test } from 'tap'
import { parseDatabaseUrl, type Provider } from '../../src/store/database.js'
import { applyMigrations } from '../../src/store/migrations.js'
import { prismaFolder, readMigrations } from '../../src/store/written-migrations.js'
import { PendingMigrationsError } from '../../src/store/database-error.js'
import { openStore } from '../../src/store/open-store.js'
import { databaseKinds, freshDatabase, onEachDatabase, projectFile, query } from '../helper.js'

const clock = () => 0
const tables = (kind: Provider) =>
  kind === 'sqlite'
    ? "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"

await onEachDatabase(t, async (t, kind) => {
  const names = (await readMigrations(kind)).map(({ name }) => name)

  await t.test(
    'a fresh database gets all migrations, in order; a migrated one gets none',
    async (t) => {
      const url = await freshDatabase(t, kind)
      const database = parseDatabaseUrl(url)
      t.strictSame(await applyMigrations(database), names)
      t.strictSame(await applyMigrations(database), [])
      const store = await openStore(url, { autoMigrate: true, clock })
      await store.ping()
      await store.close()
      const recorded = await query(
        url,
        'SELECT migration_name AS name FROM _prisma_migrations ORDER BY started_at',
      )
      t.strictSame(
        recorded.map(({ name }) => name),
        names,
      )
      t.strictSame(
        (await query(url, tables(kind))).map(({ name }) => name),
        ['_prisma_migrations', 'audit', 'clients', 'users', 'webhooks'],
      )
    },
  )

  await t.test(
    'with pending migrations and without autoMigrate nothing is opened or made',
    async (t) => {
      const url = await freshDatabase(t, kind)
      const open = async () => await openStore(url, { autoMigrate: false, clock })
      const refusal = await open().catch((error: unknown) => error)
      t.ok(refusal instanceof PendingMigrationsError)
      t.match(refusal, { message: /npm run migrate/ })
      for (const name of names) t.match(refusal, { message: name })
      t.strictSame(await query(url, tables(kind)), [])
      await applyMigrations(parseDatabaseUrl(url))
      await (await open()).close()
    },
  )

  await t.test('many may open a fresh database at once', async (t) => {
    const url = await freshDatabase(t, kind)
    const stores = await Promise.all(
      Array.from({ length: 5 }, async () => await openStore(url, { autoMigrate: true, clock })),
    )
    for (const store of stores) {
      await store.ping()
      await store.close()
    }
    t.match(await query(url, 'SELECT count(*) AS n FROM _prisma_migrations'), [
      { n: new RegExp(`^${names.length}$`) },
    ])
  })
})

t.test('whoever finds another migrating a SQLite file waits for it', async (t) => {
  const url = await freshDatabase(t, 'sqlite')
  const other = createClient({ url: `${url}-migrating` })
  await other.execute('BEGIN EXCLUSIVE')
  let isOpen = false
  const opening = openStore(url, { autoMigrate: true, clock }).then((store) => {
    isOpen = true
    return store
  })
  await wait(1000)
  t.notOk(isOpen)
  t.strictSame(await query(url, tables('sqlite')), [])
  await other.execute('ROLLBACK')
  other.close()
  const store = await opening
  await store.ping()
  await store.close()
})

t.test('many processes may open a fresh database at once', async (t: Test) => {
  const children = Array.from({ length: 3 }, () =>
    fork(fileURLToPath(new URL('fixtures/open-in-process.ts', import.meta.url)), {
      stdio: 'inherit',
    }),
  )
  await Promise.all(children.map(async (child) => await once(child, 'message')))
  for (const kind of databaseKinds) {
    const url = await freshDatabase(t, kind)
    const outcomes = await Promise.all(
      children.map(async (child) => {
        child.send(url)
        return (await once(child, 'message'))[0] as string
      }),
    )
    t.strictSame(outcomes, Array(children.length).fill('used'), kind)
    t.match(await query(url, 'SELECT count(*) AS n FROM users'), [{ n: /^1$/ }])
    t.match(
      await query(url, 'SELECT count(*) AS n FROM _prisma_migrations WHERE finished_at IS NULL'),
      [{ n: /^0$/ }],
    )
  }
  await Promise.all(
    children.map(async (child) => {
      child.disconnect()
      await once(child, 'exit')
    }),
  )
})

t.test(
  'every migration is written for both databases, and the snapshot is the schema',
  async (t) => {
    const folders = await Promise.all(
      databaseKinds.map(async (kind) => await readdir(new URL(`migrations/${kind}`, prismaFolder))),
    )
    t.strictSame(folders[0]?.sort(), folders[1]?.sort())
    for (const [index, name] of (folders[0] ?? []).entries())
      t.match(name, new RegExp(`^${String(index + 1).padStart(4, '0')}_[a-z0-9_]+$`))
    t.equal(
      await projectFile('prisma/migrations/schema.prisma'),
      await projectFile('prisma/schema.prisma'),
      'npm run migrate:new writes both; a change without SQL is copied',
    )
  },
)
