import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { makeCluster, removeCluster } from '../test/support/cluster.js'

/** An empty database for one run. */
export interface BenchDatabase {
  url: string
  remove: () => Promise<void>
}

/** Creates a SQLite file in a folder. The caller removes the folder. */
export async function createSqlite(folder: string): Promise<BenchDatabase> {
  mkdirSync(folder, { recursive: true })
  return { url: `file:${join(folder, 'bench.db')}`, remove: async () => {} }
}

/**
 * Creates a database on the PostgreSQL of BENCH_POSTGRES_URL, whose user may create databases.
 * Without this setting it starts a PostgreSQL from the programs that npm installed.
 */
export async function createPostgres(): Promise<BenchDatabase> {
  const given = process.env.BENCH_POSTGRES_URL
  if (given === undefined) {
    const cluster = await makeCluster()
    return {
      url: cluster.url,
      remove: async () => {
        removeCluster(cluster)
      },
    }
  }
  const name = `bench_${crypto.randomUUID().replaceAll('-', '')}`
  await run(given, `CREATE DATABASE ${name}`)
  const url = new URL(given)
  url.pathname = `/${name}`
  return {
    url: url.href,
    remove: async () => {
      await run(given, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

async function run(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql)
  await client.end()
}
