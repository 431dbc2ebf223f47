// Measures GET /revocations with 10,000 changed accounts, on SQLite and on PostgreSQL: the whole
// list, and replies 304. `npm run bench -- revocations --changes=10000
// --seconds=5 --rounds=3` are the defaults, and `--on=PostgreSQL` measures one of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { query } from '../test/support/query.js'
import { createPostgres, createSqlite } from './databases.js'
import { memoryOf, startServer } from './server.js'
import { median } from './statistics.js'

const connections = 16

/** The min number of whole lists a second. */
const target = 2000

/** The size of a run. */
export interface RevocationsRun {
  changes: number
  seconds: number
  rounds: number
}

/** The figures of one kind of request: medians of the rounds. */
export interface RevocationsFigures {
  perSecond: number
  p50: number
  p99: number
  /** The bytes of a reply with its headers. */
  bytes: number
}

/** Prints a table for each database. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      changes: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      on: { type: 'string', default: 'SQLite,PostgreSQL' },
    },
  })
  for (const [name, open] of [
    ['SQLite', createSqlite],
    ['PostgreSQL', createPostgres],
  ] as const) {
    if (!values.on.split(',').includes(name)) continue
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
    const database = await open(join(folder, 'database'))
    try {
      const { figures, peakMiB } = await measureRevocations(folder, database.url, {
        changes: Number(values.changes),
        seconds: Number(values.seconds),
        rounds: Number(values.rounds),
      })
      console.log(`${name}, ${values.changes} changed accounts, peak ${Math.round(peakMiB)} MiB`)
      console.table(
        Object.fromEntries(
          Object.entries(figures).map(([kind, { perSecond, p50, p99, bytes }]) => [
            kind,
            {
              'a second': Math.round(perSecond),
              'p50, ms': p50,
              'p99, ms': p99,
              'bytes of a reply': Math.round(bytes),
              target: perSecond >= target ? `reached: ${target}/s` : `missed: ${target}/s`,
            },
          ]),
        ),
      )
    } finally {
      await database.remove()
      rmSync(folder, { recursive: true })
    }
  }
}

/**
 * Fills an empty database with changed accounts, and measures the list.
 *
 * @param folder of the server
 */
export async function measureRevocations(
  folder: string,
  databaseUrl: string,
  { changes, seconds, rounds }: RevocationsRun,
): Promise<{ figures: Record<string, RevocationsFigures>; peakMiB: number }> {
  const server = await startServer(folder, {
    DATABASE_URL: databaseUrl,
    AUTO_MIGRATE: 'on',
    RATE_LIMITS: 'off',
  })
  try {
    await query(databaseUrl, changedAccounts(databaseUrl, changes))
    const url = `${server.url}/revocations`
    const first = await fetch(url)
    const etag = String(first.headers.get('etag'))
    const { versions } = (await first.json()) as { versions: object }
    const listed = Object.keys(versions).length
    if (listed !== changes) throw new Error(`${listed} accounts are listed, not ${changes}`)
    const kinds: Record<string, { status: number; headers: Record<string, string> }> = {
      'the whole list': { status: 200, headers: {} },
      'the list is unchanged (304)': { status: 304, headers: { 'if-none-match': etag } },
    }
    const figures: Record<string, RevocationsFigures> = {}
    for (const [kind, { status, headers }] of Object.entries(kinds)) {
      const results: RevocationsFigures[] = []
      for (let round = 0; round < rounds; round++) {
        const { requests, latency, duration, throughput, statusCodeStats, errors } =
          await autocannon({ url, headers, connections, duration: seconds })
        const statuses = Object.keys(statusCodeStats)
        if (errors > 0 || statuses.join() !== String(status))
          throw new Error(`${kind}: ${errors} errors, statuses ${statuses.join()}`)
        results.push({
          perSecond: requests.total / duration,
          p50: latency.p50,
          p99: latency.p99,
          bytes: throughput.total / requests.total,
        })
      }
      const middle = (member: keyof RevocationsFigures) =>
        median(results.map((figure) => figure[member]))
      figures[kind] = {
        perSecond: middle('perSecond'),
        p50: middle('p50'),
        p99: middle('p99'),
        bytes: middle('bytes'),
      }
    }
    return { figures, peakMiB: memoryOf(server.pid).peak }
  } finally {
    await server.stop()
  }
}

/** Returns a statement that inserts accounts whose version has just changed. */
function changedAccounts(databaseUrl: string, count: number): string {
  const isSqlite = databaseUrl.startsWith('file:')
  const series = isSqlite
    ? `WITH RECURSIVE s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < ${count})`
    : `WITH s AS (SELECT x FROM generate_series(1, ${count}) x)`
  const now = new Date().toISOString().replace('Z', isSqlite ? '+00:00' : '')
  const id = isSqlite
    ? `printf('%08d-0000-7000-8000-000000000000', x)`
    : `lpad(x::text, 8, '0') || '-0000-7000-8000-000000000000'`
  const at = isSqlite ? `'${now}'` : `TIMESTAMP '${now}'`
  return `INSERT INTO users (id, email, password_hash, access_version, version_changed_at, created_at, updated_at) ${series} SELECT ${id}, 'p' || x || '@example.org', '!', 1, ${at}, ${at}, ${at} FROM s`
}
