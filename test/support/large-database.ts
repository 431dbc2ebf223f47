import type { Test } from 'tap'
import { type DatabaseKind, query } from '../helper.js'
import { migratedDatabase } from './migrated.js'

const count = 20_000

/**
 * Creates a database with many accounts: few are admins, disabled, deleted or have another
 * version.
 */
export async function largeDatabase(t: Test, kind: DatabaseKind): Promise<string> {
  const url = await migratedDatabase(t, kind)
  const series =
    kind === 'sqlite'
      ? `WITH RECURSIVE s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < ${count})`
      : `WITH s AS (SELECT x FROM generate_series(1, ${count}) x)`
  const pad = kind === 'sqlite' ? "printf('%08d', x)" : "lpad(x::text, 8, '0')"
  const at =
    kind === 'sqlite'
      ? "strftime('%Y-%m-%dT%H:%M:%S.000+00:00', 1700000000 + x, 'unixepoch')"
      : 'to_timestamp(1700000000 + x)::timestamp'
  const every = (n: number, value: string, other = 'NULL') =>
    `CASE WHEN x % ${n} = 0 THEN ${value} ELSE ${other} END`
  await query(
    url,
    `INSERT INTO users (id, email, password_hash, roles, version_changed_at, disabled_at, deleted_at, created_at, updated_at, changed_at) ${series}
    SELECT ${pad} || '-0000-7000-8000-000000000000', 'p' || ${pad} || '@example.org', '$hash$', ${every(2000, `'["admin"]'`, every(100, `'["editor"]'`, `'[]'`))}, ${every(40, at)}, ${every(301, at)}, ${every(602, at)}, ${at}, ${at}, ${at} FROM s`,
  )
  await query(url, 'ANALYZE')
  return url
}
