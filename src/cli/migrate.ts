import { migrateStore } from '../store/open-store.js'

/**
 * `npm run migrate`: applies the pending migrations and prints their names. Throws as
 * `openStore` does.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const { name, applied } = await migrateStore(databaseUrl, console.error)
  console.log(
    applied.length === 0 ? `${name} is up to date.` : `${name}: applied ${applied.join(', ')}.`,
  )
}
