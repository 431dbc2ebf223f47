import t, { type Test } from 'tap'
import { newMigration } from '../../src/cli/migrate-new.js'
import { migrate } from '../../src/cli/migrate.js'
import { readMigrations } from '../../src/store/written-migrations.js'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, onEachDatabase } from '../helper.js'

await onEachDatabase(t, async (t, kind) => {
  const url = await freshDatabase(t, kind)
  const lines = t.capture(console, 'log')
  const names = (await readMigrations(kind)).map(({ name }) => name)
  await migrate(url)
  await migrate(url)
  const said = lines().map(({ args }) => String(args[0]))
  t.equal(said.length, 2)
  t.match(said[0], new RegExp(`: applied ${names.join(', ')}\\.$`))
  t.match(said[1], / is up to date\.$/)
  for (const line of said) t.notMatch(line, 'postgres@')
  const store = await openStore(url, { autoMigrate: false, clock: () => 0 })
  await store.close()
})

t.test('migrate makes the folder of a file', async (t: Test) => {
  const url = `file:${t.testdir()}/a/b.db`
  const lines = t.capture(console, 'log')
  await migrate(url)
  t.equal(lines().length, 1)
  await (await openStore(url, { autoMigrate: false, clock: () => 0 })).close()
})

t.test('migrate:new says what it wrote, or why not', async (t: Test) => {
  const lines = t.capture(console, 'log')
  await t.rejects(newMigration(''), { message: /lower_snake_case/ })
  await t.rejects(newMigration('nothing'), { message: /has not changed/ })
  t.strictSame(lines(), [])
  const { newMigration: withFiles } = await t.mockImport<
    typeof import('../../src/cli/migrate-new.js')
  >('../../src/cli/migrate-new.js', {
    '../../src/store/new-migration.js': {
      writeMigration: async (name: string) => [`a/${name}.sql`, `b/${name}.sql`],
    },
  })
  await withFiles('add_locale')
  t.match(lines(), [{ args: ['Wrote:\n  a/add_locale.sql\n  b/add_locale.sql'] }])
})
