import { query } from './query.js'

/** A time as the database of a URL stores it. */
function timeIn(databaseUrl: string, at: number): string {
  const text = new Date(at).toISOString()
  return databaseUrl.startsWith('file:') ? text.replace('Z', '+00:00') : text.replace('Z', '')
}

/** Sets a version and its time past the store, as another server would. */
export async function changedAt(
  databaseUrl: string,
  table: 'users' | 'clients',
  id: string,
  { at, version }: { at: number; version: number },
): Promise<void> {
  const column = table === 'users' ? 'access_version' : 'version'
  await query(
    databaseUrl,
    `UPDATE ${table} SET ${column} = ${version}, version_changed_at = '${timeIn(databaseUrl, at)}' WHERE id = '${id}'`,
  )
}

/**
 * Creates many accounts past the store whose version became 1, one each millisecond up to `at`.
 * Returns a function that reads their ids in this order.
 */
export async function fillVersions(
  databaseUrl: string,
  count: number,
  at: number,
): Promise<() => Promise<string[]>> {
  const isFile = databaseUrl.startsWith('file:')
  const first = at - count
  const [series, pad, time] = isFile
    ? [
        `WITH RECURSIVE s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < ${count})`,
        "printf('%08d', x)",
        `strftime('%Y-%m-%dT%H:%M:%f+00:00', ${first / 1000} + x / 1000.0, 'unixepoch')`,
      ]
    : [
        `WITH s AS (SELECT x FROM generate_series(1, ${count}) x)`,
        "lpad(x::text, 8, '0')",
        `to_timestamp(${first / 1000} + x / 1000.0) AT TIME ZONE 'UTC'`,
      ]
  await query(
    databaseUrl,
    `INSERT INTO users (id, email, password_hash, access_version, version_changed_at, created_at, updated_at) ${series}
    SELECT ${pad} || '-0000-7000-8000-000000000000', 'p' || ${pad} || '@example.org', '$hash$', 1, ${time}, ${time}, ${time} FROM s`,
  )
  return async () =>
    (await query(databaseUrl, 'SELECT id FROM users ORDER BY version_changed_at, id')).map(
      ({ id }) => String(id),
    )
}
