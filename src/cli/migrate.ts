import type { Config } from '../config.js'
import { migrateStore } from '../store/open-store.js'

/**
 * `npm run migrate`: applies the pending migrations and prints their names. Throws as
 * `openStore` does.
 */
export async function migrate({
  DATABASE_URL: url,
  MIGRATE_DATABASE_URL: migrateUrl,
}: Pick<Config, 'DATABASE_URL' | 'MIGRATE_DATABASE_URL'>): Promise<void> {
  const { name, applied } = await migrateStore(url, migrateUrl, console.error)
  console.log(
    applied.length === 0 ? `${name} is up to date.` : `${name}: applied ${applied.join(', ')}.`,
  )
}
