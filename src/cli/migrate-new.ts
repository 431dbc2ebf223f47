import { writeMigration } from '../store/new-migration.js'

/**
 * `npm run migrate:new -- <name>`: writes the next migration for each kind of database, from
 * prisma/schema.prisma.
 */
export async function newMigration(name: string): Promise<void> {
  console.log(`Wrote:\n${(await writeMigration(name)).map((file) => `  ${file}`).join('\n')}`)
}
