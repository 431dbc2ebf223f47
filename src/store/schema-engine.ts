import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
} from '@prisma/driver-adapter-utils'
import type {
  DiffTarget,
  SchemaEngine as Engine,
} from '@prisma/schema-engine-wasm/schema_engine_bg'
import type { Database, Provider } from './database.js'
import { driverCause } from './faults.js'

/** A migration: the name of its folder and the SQL in it. */
export interface Migration {
  name: string
  sql: string
}

/**
 * Prisma's migration engine on one database, as WebAssembly. It needs no download and no child
 * process.
 */
export interface SchemaEngine {
  /**
   * Applies the `migrations` that the database lacks, in order, and records them in
   * `_prisma_migrations`. Returns their names.
   */
  apply: (migrations: Migration[]) => Promise<string[]>
  /** Returns the SQL that turns one schema into another; null if they are equal. */
  diff: (from: DiffTarget, to: DiffTarget) => Promise<string | null>
}

// Node.js provides it, but its type libraries do not declare it.
declare const WebAssembly: {
  instantiate: (
    code: Uint8Array,
    imports: object,
  ) => Promise<{ instance: { exports: Record<string, unknown> } }>
}

const filters = { externalTables: [], externalEnums: [] }

/** Returns the migrations in the form that the engine expects. */
function migrationList(provider: Provider, migrations: Migration[]) {
  return {
    baseDir: '',
    lockfile: { path: 'migration_lock.toml', content: `provider = "${provider}"\n` },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  }
}

/**
 * Opens the engine, passes it to `use`, and closes its connections.
 *
 * @throws the error of the driver, or Error with the reason of the engine
 */
export async function withSchemaEngine<T>(
  database: Database,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= load()
  const { SchemaEngine } = await loaded
  const schema = `datasource db {\n  provider = "${database.provider}"\n}\n`
  const factory = await database.migrationAdapter()
  const connections: SqlDriverAdapter[] = []
  // The last error of the driver.
  let seen: unknown
  const watch =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A) =>
      await run(...args).catch((error: unknown) => {
        seen = error
        throw error
      })
  const connect = watch(async () => {
    const connection = await factory.connect()
    connections.push(connection)
    return Object.assign(connection, {
      queryRaw: watch(connection.queryRaw.bind(connection)),
      executeRaw: watch(connection.executeRaw.bind(connection)),
      executeScript: watch(connection.executeScript.bind(connection)),
    })
  })
  const bound = bindMigrationAwareSqlAdapterFactory({
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect,
    connectToShadowDb: factory.connectToShadowDb.bind(factory),
  })
  // Opens no connection yet.
  const engine: Engine = await SchemaEngine.new(
    { datamodels: [['schema.prisma', schema]] },
    ignore,
    bound,
  )
  const running = use({
    apply: async (migrations) =>
      (
        await engine.applyMigrations({
          migrationsList: migrationList(database.provider, migrations),
          filters,
        })
      ).appliedMigrationNames,
    diff: async (from, to) => {
      const { exitCode, stdout } = await engine.diff({
        from,
        to,
        script: true,
        exitCode: true,
        filters,
      })
      return exitCode === 0 ? null : stdout
    },
  })
  return await running
    .catch((error: unknown) => {
      throw reasonOf(error, seen)
    })
    .finally(async () => {
      engine.free()
      // The engine leaves its connections open. An open one keeps PostgreSQL's advisory lock.
      await Promise.all(
        connections.map(async (connection) => {
          await connection.dispose()
        }),
      )
    })
}

// The error of the engine has a stack of WebAssembly. It quotes the driver's error, or refers to it
// as "External error id#0", or does not know its kind (WASM_ERROR).
function reasonOf(error: unknown, seen: unknown): unknown {
  const { message, code } = error as Error & { code?: string }
  const { originalMessage = '' } = driverCause(seen) ?? {}
  if (
    /External error|WASM_ERROR/.test(message) ||
    (originalMessage !== '' && message.includes(originalMessage))
  )
    return seen
  return Object.assign(new Error(message.split('\n   0: ')[0]), { code })
}

// Load once per process: the bindings refer to the memory of one instance.
let loaded: ReturnType<typeof load> | undefined

// Ignore the log and the panic message of the engine: the thrown error has the same text.
/* c8 ignore next -- called only when the engine breaks */
function ignore(): void {}

async function load() {
  // The engine passes a panic message to this global before it throws. Without it the process would
  // end.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: ignore } })
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const folder = dirname(
    createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'),
  )
  // The engine limits its wait for PostgreSQL's lock by a timer of ten seconds, and never clears
  // it. The timer must not keep the process running.
  const setTimer = (act: () => void, milliseconds: number) => setTimeout(act, milliseconds).unref()
  const imports = Object.fromEntries(
    Object.entries(bindings).map(([name, binding]) => [
      name,
      name.startsWith('__wbg_setTimeout_') ? setTimer : binding,
    ]),
  )
  const wasm = await WebAssembly.instantiate(
    await readFile(join(folder, 'schema_engine_bg.wasm')),
    { './schema_engine_bg.js': imports },
  )
  bindings.__wbg_set_wasm(wasm.instance.exports)
  const start = wasm.instance.exports.__wbindgen_start as () => void
  start()
  return bindings
}
