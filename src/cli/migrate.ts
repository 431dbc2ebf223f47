import { makeFolder, parseDatabaseUrl } from '../store/database.js'
import { available } from '../store/faults.js'
import { applyMigrations } from '../store/migrations.js'

/** `npm run migrate`: brings a database up to date and says what it did. Throws Problem `unavailable`. */
export async function migrate (databaseUrl: string): Promise<void> {
  const database = parseDatabaseUrl(databaseUrl)
  await makeFolder(databaseUrl)
  const applied = await available(applyMigrations(database))
  console.log(applied.length === 0 ? `${database.name} is up to date.` : `${database.name}: applied ${applied.join(', ')}.`)
}
