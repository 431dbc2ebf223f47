import type { Test } from 'tap'
import { parseDatabaseUrl } from '../../src/store/database.js'
import { openStore } from '../../src/store/open-store.js'
import { withSchemaEngine } from '../../src/store/schema-engine.js'
import { readMigrations } from '../../src/store/written-migrations.js'
import { type DatabaseKind, freshDatabase } from '../helper.js'

/** The URL of a database without accounts, as `npm run migrate` leaves it. */
export async function migratedDatabase(t: Test, kind: DatabaseKind): Promise<string> {
  return await migrate(await freshDatabase(t, kind))
}

/** The URL of a database with the first migrations alone, as an earlier version leaves it. */
export async function earlierDatabase(
  t: Test,
  kind: DatabaseKind,
  migrations: number,
): Promise<string> {
  const url = await freshDatabase(t, kind)
  const written = (await readMigrations(kind)).slice(0, migrations)
  await withSchemaEngine(parseDatabaseUrl(url), async (engine) => await engine.apply(written))
  return url
}

/** Creates the tables of a database. Returns its URL. */
export async function migrate(url: string): Promise<string> {
  await (await openStore(url, { autoMigrate: true, clock: Date.now })).close()
  return url
}
