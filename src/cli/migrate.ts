import { connect, makeFolder, parseDatabaseUrl } from '../store/database.js'
import { available } from '../store/faults.js'
import { applyMigrations, findPending } from '../store/migrations.js'

/**
 * `npm run migrate`: brings a database up to date and says what it did. Throws Problem
 * `unavailable`.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const database = parseDatabaseUrl(databaseUrl)
  await makeFolder(databaseUrl)
  const client = await connect(database)
  try {
    // Of a database that is away a query says why; the migration engine says "External error id#0".
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
