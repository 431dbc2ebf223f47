import { cp, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { prismaFolder, readMigrations } from '../../src/store/written-migrations.js'
import { schemaFor, writeMigration } from '../../src/store/new-migration.js'
import { databaseKinds } from '../helper.js'

/** A copy of the project's prisma folder, to write in. */
async function copyOfPrisma(t: Test) {
  const root = pathToFileURL(`${t.testdir()}/prisma/`)
  for (const path of ['schema.prisma', 'migrations'])
    await cp(new URL(path, prismaFolder), new URL(path, root), { recursive: true })
  const text = async (path: string) => await readFile(new URL(path, root), 'utf8')
  const change = async (from: string, to: string) => {
    await writeFile(new URL('schema.prisma', root), (await text('schema.prisma')).replace(from, to))
  }
  const names = async () =>
    await Promise.all(
      databaseKinds.map(async (kind) => (await readMigrations(kind, root)).map(({ name }) => name)),
    )
  return { root, text, change, names }
}

t.test(
  'the next migration is written for both databases, with the snapshot it leads to',
  async (t: Test) => {
    const { root, text, change, names } = await copyOfPrisma(t)
    const [[...before] = []] = await names()
    const [second, third] = [1, 2].map((more) => String(before.length + more).padStart(4, '0'))
    await change('@@map("users")', 'locale String?\n  @@map("users")')
    t.strictSame(
      await writeMigration('add_locale', root),
      databaseKinds.map((kind) => `prisma/migrations/${kind}/${second}_add_locale/migration.sql`),
    )
    await change('locale String?', 'locale String?\n  @@index([locale])')
    await writeMigration('index_locale', root)
    const all = [...before, `${second}_add_locale`, `${third}_index_locale`]
    t.strictSame(await names(), [all, all])
    t.equal(
      await text(`migrations/sqlite/${second}_add_locale/migration.sql`),
      '-- AlterTable\nALTER TABLE "users" ADD COLUMN "locale" TEXT;\n',
    )
    t.equal(
      await text(`migrations/postgresql/${second}_add_locale/migration.sql`),
      '-- AlterTable\nALTER TABLE "users" ADD COLUMN     "locale" TEXT;\n',
    )
    for (const kind of databaseKinds)
      t.equal(
        await text(`migrations/${kind}/${third}_index_locale/migration.sql`),
        '-- CreateIndex\nCREATE INDEX "users_locale_idx" ON "users"("locale");\n',
      )
    t.equal(await text('migrations/schema.prisma'), await text('schema.prisma'))
  },
)

t.test('the first migration of a project makes everything', async (t: Test) => {
  const root = pathToFileURL(
    `${t.testdir({ 'schema.prisma': await readFile(new URL('schema.prisma', prismaFolder), 'utf8') })}/`,
  )
  await writeMigration('init', root)
  for (const kind of databaseKinds) {
    const [init, ...rest] = await readMigrations(kind, root)
    t.strictSame([init?.name, rest], ['0001_init', []])
    t.match(init?.sql, /CREATE TABLE "users"/)
  }
})

t.test('without a change, or with an unfit name, nothing is written', async (t: Test) => {
  const { root, text, change, names } = await copyOfPrisma(t)
  const before = [await names(), await text('migrations/schema.prisma')]
  await t.rejects(writeMigration('nothing', root), { message: /has not changed/ })
  await change('model User', '// A remark is no change.\nmodel User')
  await t.rejects(writeMigration('remark', root), { message: /has not changed/ })
  await change('@@map("users")', 'locale String?\n  @@map("users")')
  for (const name of [
    '',
    'Add',
    'add-locale',
    'add locale',
    '1st',
    '_x',
    '../x',
    'x/y',
    'x.y',
    'a\n',
    '\u00e9',
    'a'.repeat(62),
  ])
    await t.rejects(
      writeMigration(name, root),
      { message: /lower_snake_case/ },
      JSON.stringify(name),
    )
  t.strictSame([await names(), await text('migrations/schema.prisma')], before)
  t.equal((await writeMigration('a'.repeat(61), root)).length, 2)
})

t.test('the schema of each database differs in the provider alone', async (t) => {
  const written = 'datasource db {\n  provider = "sqlite"\n}\n'
  t.equal(schemaFor(written, 'sqlite'), written)
  t.equal(schemaFor(written, 'postgresql'), 'datasource db {\n  provider = "postgresql"\n}\n')
})
