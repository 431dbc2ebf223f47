import type { Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase } from '../helper.js'

/** The URL of a database without accounts, as `npm run migrate` leaves it. */
export async function migratedDatabase(t: Test, kind: DatabaseKind): Promise<string> {
  return await migrate(await freshDatabase(t, kind))
}

/** Creates the tables of a database. Returns its URL. */
export async function migrate(url: string): Promise<string> {
  await (await openStore(url, { autoMigrate: true, clock: Date.now })).close()
  return url
}
