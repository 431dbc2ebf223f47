import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import { createAccounts } from './account-table.js'
import type { Accounts } from './accounts.js'
import { createFindChangedVersions, type FindChangedVersions } from './changed-versions.js'
import type { AuditLog } from './audit-log.js'
import { createAuditLog } from './audit-table.js'
import {
  connect,
  type Database,
  findDatabase,
  makeFolder,
  pastPooler,
  prepareFile,
  tableIn,
} from './database.js'
import { DatabaseError, PendingMigrationsError } from './database-error.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { createMachineClients } from './machine-client-table.js'
import type { MachineClients } from './machine-clients.js'
import { applyMigrations } from './migrations.js'
import { failedMigration, findPending } from './pending.js'
import { type ConnectionLoad, watchPool } from './pool.js'
import type { WebhookCursors } from './webhook-cursors.js'
import { createWebhookCursors } from './webhook-table.js'

/** An open database. */
export interface Store {
  accounts: Accounts
  auditLog: AuditLog
  machineClients: MachineClients
  webhookCursors: WebhookCursors
  findChangedVersions: FindChangedVersions
  /** The name of the database without its password, for people and logs. */
  name: string
  /**
   * Checks that the database responds and has the table.
   *
   * @throws Problem `unavailable` if it does not
   */
  ping: () => Promise<void>
  close: () => Promise<void>
  /** Returns the load of the connection pool; null for a database without a pool. */
  connections: (() => ConnectionLoad) | null
}

/** A database whose tables are there, as {@link openMigrated} returns it. */
interface Opened {
  database: Database
  client: PrismaClient
  /** The migrations that were applied now. */
  applied: string[]
  connections: (() => ConnectionLoad) | null
}

interface Options {
  /** Apply pending migrations; false refuses to open. */
  autoMigrate: boolean
  /** The URL for migrations, past a pooler; empty or absent for the same URL. */
  migrateUrl?: string
  /** Called once with a line for the operator while another process migrates. */
  onWait?: (line: string) => unknown
}

/**
 * Opens the database of a DATABASE_URL.
 *
 * @throws PendingMigrationsError if migrations are pending and `autoMigrate` is false
 * @throws DatabaseError if the tables belong to another program, or cannot be migrated
 * @throws Problem `unavailable` if the database cannot be used
 */
export async function openStore(
  url: string,
  { clock, ...options }: Options & { clock: Clock },
): Promise<Store> {
  const { database, client, connections } = await openMigrated(url, options)
  return {
    accounts: createAccounts(
      client,
      { provider: database.provider, table: tableIn(database.schema, 'users') },
      clock,
    ),
    auditLog: createAuditLog(client, clock),
    machineClients: createMachineClients(client, clock),
    webhookCursors: createWebhookCursors(client, database.provider),
    findChangedVersions: createFindChangedVersions(client, database.provider, {
      users: tableIn(database.schema, 'users'),
      clients: tableIn(database.schema, 'clients'),
    }),
    name: database.name,
    ping: async () => {
      await touchTable(client).catch((error: unknown) => {
        throw new Problem('unavailable', { cause: error })
      })
    },
    close: async () => {
      await client.$disconnect()
    },
    connections,
  }
}

/**
 * Applies the pending migrations of the database of a DATABASE_URL. Returns their names, and
 * the name of the database. Throws as {@link openStore} does.
 *
 * @param migrateUrl the URL past a pooler; empty for the same URL
 */
export async function migrateStore(
  url: string,
  onWait: (line: string) => unknown,
  migrateUrl = '',
): Promise<{ name: string; applied: string[] }> {
  const { database, client, applied } = await openMigrated(migrateUrl || url, {
    autoMigrate: true,
    migrateUrl,
    onWait,
  })
  await client.$disconnect()
  return { name: database.name, applied }
}

async function openMigrated(
  url: string,
  { autoMigrate, migrateUrl, onWait }: Options,
): Promise<Opened> {
  let client: PrismaClient | undefined
  try {
    await makeFolder(url)
    const database = await findDatabase(url)
    const adapter = await database.adapter()
    const connections = watchPool(adapter)
    client = await connect(database, adapter)
    const { names, unfinished } = await findPending(database, client)
    if (names.length > 0 && !autoMigrate)
      throw unfinished.length > 0
        ? failedMigration(database, unfinished)
        : new PendingMigrationsError(database.name, names)
    await prepareFile(url, client)
    const applied =
      names.length > 0
        ? await applyMigrations(migrateUrl ? pastPooler(database, migrateUrl) : database, onWait)
        : []
    await touchTable(client)
    return { database, client, applied, connections }
  } catch (error) {
    await client?.$disconnect()
    // The server is useless without a database, so every reason counts: a file that is not a
    // database, a URL with an unknown parameter.
    throw error instanceof DatabaseError || error instanceof Problem
      ? error
      : new Problem('unavailable', { cause: error })
  }
}

// Reads every column of the table: a connection alone proves little.
async function touchTable(client: PrismaClient): Promise<void> {
  await client.user.findUnique({ where: { id: '' } })
}
