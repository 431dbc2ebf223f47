import { connect, makeFolder, parseDatabaseUrl } from '../store/database.js'
import { available } from '../store/faults.js'
import { applyMigrations, findPending } from '../store/migrations.js'

/**
 * `npm run migrate`: applies the pending migrations and prints their names.
 *
 * @throws Problem `unavailable` if the database cannot be used
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const database = parseDatabaseUrl(databaseUrl)
  await makeFolder(databaseUrl)
  const client = await connect(database)
  try {
    // If the database is away, a query reports the reason. The migration engine only reports
    // "External error id#0".
    await available(findPending(database, client))
  } finally {
    await client.$disconnect()
  }
  const applied = await available(applyMigrations(database))
  console.log(
    applied.length === 0
      ? `${database.name} is up to date.`
      : `${database.name}: applied ${applied.join(', ')}.`,
  )
}
