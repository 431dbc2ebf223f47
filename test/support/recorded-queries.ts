import type { SqlMigrationAwareDriverAdapterFactory, SqlQuery } from '@prisma/driver-adapter-utils'
import { type Database, connect } from '../../src/store/database.js'
import type { PrismaClient } from '../../src/store/generated/sqlite/client.js'

/** A client whose statements can be recorded and explained. */
export interface RecordedClient {
  client: PrismaClient
  /** Runs a call and returns the statements that it sent. */
  record: (call: () => Promise<unknown>) => Promise<SqlQuery[]>
  /** Returns the plan of a statement, a line each. */
  explain: (query: SqlQuery) => Promise<string>
}

/** Opens a client of a database that shows the statements that the driver gets. */
export async function recordedClient(database: Database): Promise<RecordedClient> {
  const seen: SqlQuery[] = []
  const factory = await database.adapter()
  const connectToDatabase = factory.connect.bind(factory)
  let ask: ((query: SqlQuery) => Promise<{ rows: unknown[][] }>) | undefined
  const recording: SqlMigrationAwareDriverAdapterFactory = Object.assign(Object.create(factory), {
    connect: async () => {
      const adapter = await connectToDatabase()
      const queryRaw = adapter.queryRaw.bind(adapter)
      const executeRaw = adapter.executeRaw.bind(adapter)
      ask = queryRaw
      return Object.assign(adapter, {
        queryRaw: async (query: SqlQuery) => {
          seen.push(query)
          return await queryRaw(query)
        },
        executeRaw: async (query: SqlQuery) => {
          seen.push(query)
          return await executeRaw(query)
        },
      })
    },
  })
  const client = await connect(database, recording)
  return {
    client,
    record: async (call) => {
      seen.length = 0
      await call()
      return [...seen]
    },
    explain: async (query) => {
      const prefix = database.provider === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'
      const { rows } = (await ask?.({ ...query, sql: `${prefix} ${query.sql}` })) ?? { rows: [] }
      return rows.map((row) => String(row.at(-1))).join('\n')
    },
  }
}
