import { migrateStore } from '../store/open-store.js'

/**
 * `npm run migrate`: applies the pending migrations and prints their names. Throws as
 * `openStore` does.
 *
 * @param migrateUrl the URL of the database past a pooler; empty for the same URL
 */
export async function migrate(databaseUrl: string, migrateUrl = ''): Promise<void> {
  const { name, applied } = await migrateStore(databaseUrl, console.error, migrateUrl)
  console.log(
    applied.length === 0 ? `${name} is up to date.` : `${name}: applied ${applied.join(', ')}.`,
  )
}
