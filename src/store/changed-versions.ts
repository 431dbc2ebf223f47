import { raw, sqltag as sql } from '@prisma/client/runtime/client'
import type { Provider } from './database.js'
import { available } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/**
 * Returns the versions of accounts and machine clients that were raised after a time: at most
 * `count`, the newest first, each as a line `<id> <version>`. Erased accounts are among them
 * until they are purged. One line for each row, in one text: with ten thousand rows, reading
 * them as objects takes several times as long.
 *
 * @throws Problem `unavailable` if the database cannot be reached
 */
export type FindChangedVersions = (since: Date, count: number) => Promise<string>

/**
 * Creates {@link FindChangedVersions}.
 *
 * @param tables their names in SQL, with their schema
 */
export function createFindChangedVersions(
  client: Pick<PrismaClient, '$queryRaw'>,
  provider: Provider,
  tables: { users: string; clients: string },
): FindChangedVersions {
  const joined = raw(
    provider === 'postgresql' ? "string_agg(line, E'\\n')" : 'group_concat(line, char(10))',
  )
  return async (since, count) => {
    const newest = (table: string, version: string) =>
      sql`SELECT * FROM (SELECT id, ${raw(version)} AS version, version_changed_at FROM ${raw(table)} WHERE version_changed_at > ${since} ORDER BY version_changed_at DESC LIMIT ${count}) AS ${raw(version)}s`
    const both = sql`${newest(tables.users, 'access_version')} UNION ALL ${newest(tables.clients, 'version')}`
    const [row] = await available(
      client.$queryRaw<Array<{ text: string | null }>>(
        sql`SELECT ${joined} AS text FROM (SELECT id || ' ' || version AS line FROM (${both}) AS changed ORDER BY version_changed_at DESC, id LIMIT ${count}) AS lines`,
      ),
    )
    return row?.text ?? ''
  }
}
