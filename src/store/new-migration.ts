import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { DatabaseError } from './database-error.js'
import { type Provider, parseDatabaseUrl } from './database.js'
import { prismaFolder, readMigrations } from './written-migrations.js'
import { withSchemaEngine } from './schema-engine.js'

const providers: readonly Provider[] = ['sqlite', 'postgresql']

/** Returns the Prisma schema for one SQL dialect. */
export function schemaFor(written: string, provider: Provider): string {
  return written.replace('provider = "sqlite"', `provider = "${provider}"`)
}

/**
 * Writes the migration from the last migrated schema to the present one, for every SQL dialect.
 * Returns the files.
 *
 * @param name what the migration does, in lower_snake_case
 * @param root the folder of schema.prisma and migrations/
 * @throws DatabaseError if the name is not valid or the schema has not changed
 */
export async function writeMigration(name: string, root = prismaFolder): Promise<string[]> {
  if (!/^[a-z][a-z0-9_]{0,60}$/.test(name))
    throw new DatabaseError(
      'Name the migration in lower_snake_case: npm run migrate:new -- add_locale',
    )
  const written = await readFile(new URL('schema.prisma', root), 'utf8')
  // The result of all migrations. Stored beside them, so that the next one needs no database.
  const snapshot = new URL('migrations/schema.prisma', root)
  const before = await readFile(snapshot, 'utf8').catch(() => null)
  const files: string[] = []
  for (const provider of providers) {
    const sql = await compare(provider, before, written)
    if (sql === null)
      throw new DatabaseError('prisma/schema.prisma has not changed since the last migration.')
    const number = String(
      (await readMigrations(provider, root).catch(() => [])).length + 1,
    ).padStart(4, '0')
    const folder = new URL(`migrations/${provider}/${number}_${name}/`, root)
    await mkdir(folder, { recursive: true })
    await writeFile(new URL('migration.sql', folder), sql, { flag: 'wx' })
    files.push(`prisma/migrations/${provider}/${number}_${name}/migration.sql`)
  }
  await writeFile(snapshot, written)
  return files
}

async function compare(
  provider: Provider,
  before: string | null,
  after: string,
): Promise<string | null> {
  // The engine requires a connection even to compare two texts. The texts decide the SQL dialect.
  const database = parseDatabaseUrl('file::memory:')
  const model = (content: string) => ({
    tag: 'schemaDatamodel' as const,
    files: [{ path: 'schema.prisma', content: schemaFor(content, provider) }],
  })
  return await withSchemaEngine(
    database,
    async (engine) =>
      await engine.diff(before === null ? { tag: 'empty' } : model(before), model(after)),
  )
}
