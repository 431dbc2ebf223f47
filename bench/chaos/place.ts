import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from '@libsql/client'
import pg from 'pg'
import { type Cluster, makeCluster, removeCluster } from '../../test/support/cluster.js'
import { bare, type BenchServer, freePort, main, startServer } from '../server.js'
import { type Proxy, startProxy } from '../../test/support/tcp-proxy.js'

export type Kind = 'SQLite' | 'PostgreSQL'

/** A folder with its own database. A server can start there repeatedly at the same address. */
export interface Place {
  kind: Kind
  folder: string
  /** The URL of the database without the proxy. */
  databaseUrl: string
  /** @param env settings of this server alone */
  start: (env?: Record<string, string>) => Promise<BenchServer>
  /** Queries the database directly. */
  query: (sql: string) => Promise<Array<Record<string, unknown>>>
  remove: () => void
}

/** A place on PostgreSQL, whose server reaches the database through a proxy. */
export interface PostgresPlace extends Place {
  cluster: Cluster
  proxy: Proxy
  /** Starts the database if it is not running, stops it at once, or kills it. */
  database: (what: 'start' | 'stop' | 'kill') => Promise<void>
}

/** The cheapest allowed hash, so that hashing does not dominate the measurement. */
const settings = { RATE_LIMITS: 'off', ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5' }

/**
 * Creates a place with a SQLite file.
 *
 * @param databaseFolder the folder of the SQLite file, if it is not the folder of the place
 */
export async function sqlitePlace({
  env = {},
  databaseFolder,
}: { env?: Record<string, string>; databaseFolder?: string } = {}): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-chaos-'))
  const databaseUrl = `file:${join(databaseFolder ?? folder, 'latchkey.db')}`
  const all = { ...settings, ...env, DATABASE_URL: databaseUrl, PORT: String(await freePort()) }
  return {
    kind: 'SQLite',
    folder,
    databaseUrl,
    start: async (env) => await startServer(folder, { ...all, ...env }),
    query: async (sql) => {
      const client = createClient({ url: databaseUrl, timeout: 5000 })
      const { rows, columns } = await client.execute(sql)
      client.close()
      return rows.map((row) =>
        Object.fromEntries(columns.map((column, index) => [column, row[index]])),
      )
    },
    remove: () => {
      rmSync(folder, { recursive: true })
    },
  }
}

/**
 * Creates a place with a migrated database in its own PostgreSQL cluster. Throws if the cluster
 * is not as durable as PostgreSQL is by default.
 *
 * @param folder the folder of the data, if it is not a temporary folder
 */
export async function postgresPlace({
  env = {},
  folder: clusterFolder = tmpdir(),
}: { env?: Record<string, string>; folder?: string } = {}): Promise<PostgresPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-chaos-'))
  const cluster = await makeCluster(clusterFolder)
  const proxy = await startProxy(Number(new URL(cluster.url).port))
  const throughProxy = Object.assign(new URL(cluster.url), {
    port: String(proxy.port),
    username: 'latchkey',
  }).href
  const all = { ...settings, ...env, DATABASE_URL: throughProxy, PORT: String(await freePort()) }
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: cluster.url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql)).rows as Array<Record<string, unknown>>
    } finally {
      await client.end()
    }
  }
  const durable = await query(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes') AND setting <> 'on'",
  )
  if (durable.length > 0)
    throw new Error('this PostgreSQL is not durable, so its losses prove nothing')
  await query('CREATE ROLE latchkey LOGIN')
  await query('GRANT ALL ON SCHEMA public TO latchkey')
  await promisify(execFile)('env', [...bare, process.execPath, main, 'migrate'], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...all },
  })
  return {
    kind: 'PostgreSQL',
    folder,
    databaseUrl: cluster.url,
    cluster,
    database: async (what) => {
      await promisify(execFile)(process.execPath, [
        resolve('dist/bench/chaos/pg.js'),
        what,
        JSON.stringify(cluster),
      ])
    },
    proxy,
    query,
    start: async (env) => await startServer(folder, { ...all, ...env }),
    remove: () => {
      proxy.close()
      removeCluster(cluster)
      rmSync(folder, { recursive: true })
    },
  }
}
