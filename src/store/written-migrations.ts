import { readdir, readFile } from 'node:fs/promises'
import { packageRoot } from '../package-root.js'
import type { Provider } from './database.js'
import type { Migration } from './schema-engine.js'

/** The folder of the Prisma schema and the migrations. */
export const prismaFolder = new URL('prisma/', packageRoot)

/** Reads the migrations of a SQL dialect, oldest first. */
export async function readMigrations(
  provider: Provider,
  root = prismaFolder,
): Promise<Migration[]> {
  const folder = new URL(`migrations/${provider}/`, root)
  const names = (await readdir(folder)).sort()
  return await Promise.all(
    names.map(async (name) => ({
      name,
      sql: await readFile(new URL(`${name}/migration.sql`, folder), 'utf8'),
    })),
  )
}
