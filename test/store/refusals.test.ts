import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { migrate } from '../../src/cli/migrate.js'
import { Problem } from '../../src/errors.js'
import { adviseOnDatabase } from '../../src/store/advice.js'
import { openStore } from '../../src/store/open-store.js'
import {
  type DatabaseKind,
  freshDatabase,
  onEachDatabase,
  projectFile,
  query,
  temporaryFolder,
} from '../helper.js'
import { clusterUrl } from '../support/cluster.js'
import { runMain } from '../support/process.js'

/** The message that the operator gets; the whole error if it is an unexpected one. */
async function refusal(opening: Promise<unknown>): Promise<string> {
  const error = await opening.catch((error: unknown) => error)
  if (error instanceof Problem) return adviseOnDatabase(error.cause)
  const { name, message, stack = '' } = error as Error
  return ['DatabaseError', 'PendingMigrationsError'].includes(name) ? message : stack
}

/** Runs the program as an operator does: one message, exit code 1, no stack. */
async function refuses(t: Test, url: string, says: RegExp): Promise<void> {
  const folder = mkdtempSync(join(temporaryFolder, 'latchkey-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  const { code, stdout, stderr } = await runMain(t, folder, {
    env: { DATABASE_URL: url },
    args: ['migrate'],
  })
  t.match({ code, stdout, stderr }, { code: 1, stdout: '', stderr: says })
  t.notMatch(stderr, /\n {4}at |wasm/i)
}

async function migrated(t: Test, kind: DatabaseKind): Promise<string> {
  const url = await freshDatabase(t, kind)
  await (await openStore(url, { autoMigrate: true, clock: () => 0 })).close()
  return url
}

const own = '"id" TEXT, "migration_name" TEXT, "started_at" TEXT, "finished_at" TEXT'
const foreignTable = `CREATE TABLE _prisma_migrations (${own}, "rolled_back_at" TEXT)`
const record = (name: string) =>
  `INSERT INTO _prisma_migrations (migration_name, finished_at) VALUES ('${name}', '1')`

const foreign: Array<{ what: string; prepare: string[]; says: RegExp }> = [
  {
    what: 'tables of another program',
    prepare: ['CREATE TABLE strange (id TEXT)', 'CREATE TABLE users (id TEXT)'],
    says: /has the tables of another program \(strange, users\).*of its own/,
  },
  {
    what: 'tables of another program, and a table of migrations without rows',
    prepare: ['CREATE TABLE strange (id TEXT)', foreignTable],
    says: /has the tables of another program \(strange\)/,
  },
  {
    what: 'migrations of another program',
    prepare: [foreignTable, record('20240101_init')],
    says: /has the migrations of another program \(20240101_init\)/,
  },
  {
    what: 'a migration of another program with the same name',
    prepare: [foreignTable, record('0001_init'), 'CREATE TABLE users (id TEXT, name TEXT)'],
    says: /The table users of .* belongs to another program/,
  },
  {
    what: 'all migrations recorded, and no table',
    prepare: [
      foreignTable,
      record('0001_init'),
      record('0002_email_history'),
      record('0003_ended_logins'),
    ],
    says: /records migrations of Latchkey.*has no table users\. Restore a backup/,
  },
  {
    what: 'a table of another program under the name of the migrations',
    prepare: ['CREATE TABLE _prisma_migrations (id TEXT)'],
    says: /_prisma_migrations of .* belongs to another program/,
  },
]

await onEachDatabase(t, async (t, kind) => {
  for (const { what, prepare, says } of foreign)
    await t.test(what, async (t) => {
      const url = await freshDatabase(t, kind)
      for (const sql of prepare) await query(url, sql)
      const before = await state(url, kind)
      for (const autoMigrate of [true, false])
        t.match(await refusal(openStore(url, { autoMigrate, clock: () => 0 })), says)
      t.match(await refusal(migrate(url)), says)
      t.strictSame(await state(url, kind), before, 'nothing was changed')
    })

  await t.test('a column that is missing', async (t) => {
    const url = await migrated(t, kind)
    await query(url, 'ALTER TABLE users DROP COLUMN ended_logins')
    t.match(await refusal(migrate(url)), /ended_logins.* are not those of this version/)
  })

  await t.test('a failed migration is explained, and the statements resolve it', async (t) => {
    for (const column of ['finished_at', 'rolled_back_at']) {
      const url = await migrated(t, kind)
      const name = '0003_ended_logins'
      await query(
        url,
        `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '${name}'`,
      )
      const says = new RegExp(`the migration ${name} began and did not finish`)
      t.match(await refusal(openStore(url, { autoMigrate: false, clock: () => 0 })), says)
      const message = await refusal(migrate(url))
      t.match(message, says)
      const file = `prisma/migrations/${kind}/${name}/migration.sql`
      t.match(message, file)
      t.match(await projectFile(file), 'ended_logins')
      const [statement = ''] = new RegExp(`UPDATE .* SET ${column} = .*;`).exec(message) ?? []
      if (column === 'rolled_back_at')
        await query(url, 'ALTER TABLE users DROP COLUMN ended_logins')
      await query(url, statement)
      t.capture(console, 'log')
      await t.resolves(migrate(url), statement)
      await (await openStore(url, { autoMigrate: false, clock: () => 0 })).close()
    }
  })

  await t.test('a newer version does not matter, not even one that failed', async (t) => {
    const url = await migrated(t, kind)
    await query(
      url,
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, applied_steps_count) VALUES ('x', 'x', '9999_newer', 0)`,
    )
    await (await openStore(url, { autoMigrate: false, clock: () => 0 })).close()
  })
})

/** Everything that a refused migration could change. */
async function state(url: string, kind: DatabaseKind): Promise<unknown> {
  if (kind === 'sqlite') {
    const rows = await query(url, 'SELECT sql FROM sqlite_master ORDER BY name')
    return [rows, await query(url, 'PRAGMA journal_mode')]
  }
  return await query(
    url,
    'SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2',
  )
}

t.test('PostgreSQL: a role that may not create tables', async (t) => {
  const url = await freshDatabase(t, 'postgresql')
  const role = `role_${randomUUID().slice(0, 8)}`
  await query(url, `CREATE ROLE ${role} LOGIN`)
  t.teardown(async () => {
    await query(clusterUrl(), `DROP ROLE ${role}`)
  })
  const says = /permission denied for schema public\. Grant this role what it lacks/
  const mine = Object.assign(new URL(url), { username: role }).href
  t.match(await refusal(migrate(mine)), says)
  await refuses(t, mine, says)
  // It may serve what another role has migrated.
  await (await openStore(url, { autoMigrate: true, clock: () => 0 })).close()
  t.match(
    await refusal(openStore(mine, { autoMigrate: false, clock: () => 0 })),
    /permission denied for table _prisma_migrations/,
  )
  await query(url, `GRANT SELECT ON users, _prisma_migrations TO ${role}`)
  await (await openStore(mine, { autoMigrate: false, clock: () => 0 })).close()
  await query(url, `DROP OWNED BY ${role}`)
})

t.test('PostgreSQL: a URL or a server that does not fit', async (t) => {
  const url = (search: string) => Object.assign(new URL(clusterUrl()), { search }).href
  const rows: Array<[url: string, says: RegExp]> = [
    [url('?sslrootcert=/gone.pem'), /ENOENT.*'\/gone.pem'\. DATABASE_URL names this file/],
    [url('?sslmode=verify-full'), /does not support SSL.*remove sslmode/],
    [
      url('?options=-c%20default_transaction_read_only%3Don'),
      /read-only transaction\. .* must lead to the primary/,
    ],
    ['postgresql:///d?host=/gone&user=u', /ENOENT \/gone\/.*\. Start the database/],
    ['postgresql://u@nothing.invalid/d', /nothing\.invalid\. .* host cannot be resolved/],
  ]
  for (const [url, says] of rows) t.match(await refusal(migrate(url)), says)
  await refuses(
    t,
    url('?sslrootcert=/gone.pem'),
    /^The database of DATABASE_URL cannot be used: ENO/,
  )
})

t.test('SQLite: a path or a file that does not fit', async (t) => {
  const base = t.testdir({
    'text.db': 'This is no database. '.repeat(100),
    folder: {},
    file: 'no folder',
  })
  const rows: Array<[path: string, says: RegExp]> = [
    ['text.db', /not a database\. Name another file/],
    ['folder', /Unable to open.* must be a file/],
    ['file/a.db', /mkdir.*The folder of the database cannot be created/],
    ['a.db?cache=shared', /"cache"\. Remove the parameter/],
  ]
  for (const [path, says] of rows) {
    t.match(await refusal(migrate(`file:${base}/${path}`)), says)
    await refuses(t, `file:${base}/${path}`, says)
  }
  t.match(readFileSync(join(base, 'text.db'), 'utf8'), /^This is no database/)
})

t.test('advice on words of drivers that are hard to cause', async (t) => {
  const driver = (cause: object) =>
    Object.assign(new Error('x', { cause }), { name: 'DriverAdapterError' })
  const rows: Array<[error: unknown, says: string]> = [
    [
      driver({
        originalCode: '28P01',
        originalMessage: 'password authentication failed for user "u"',
      }),
      'password authentication failed for user "u". Correct user and password in DATABASE_URL. Percent-encode characters that have a meaning in URLs.',
    ],
    [
      driver({
        originalCode: '08P01',
        originalMessage: 'unsupported startup parameter: lock_timeout',
      }),
      'unsupported startup parameter: lock_timeout. A pooler refuses the parameter. See "PgBouncer" in docs/deploy.md. Migrations need a connection that bypasses the pooler.',
    ],
    [
      driver({ kind: 'TlsConnectionError', reason: 'self-signed certificate' }),
      'self-signed certificate. The certificate of the server is not trusted. Name its certificate authority: sslmode=verify-full&sslrootcert=<file>.',
    ],
    [
      driver({ kind: 'TlsConnectionError', reason: "IP: 127.0.0.1 is not in the cert's altnames" }),
      "IP: 127.0.0.1 is not in the cert's altnames. The host in DATABASE_URL must be one of the names in the certificate of the server.",
    ],
    [
      driver({ originalMessage: 'SQLITE_READONLY: attempt to write a readonly database' }),
      'SQLITE_READONLY: attempt to write a readonly database. This user may not write to the file or its folder. Change their owner or rights (chown, chmod), or mount the volume for writing.',
    ],
    [driver({ kind: 'DatabaseNotReachable' }), 'x.'],
    [
      driver({ kind: 'DatabaseNotReachable', host: 'h', port: 1 }),
      'ECONNREFUSED h:1. Start the database, or correct host and port in DATABASE_URL.',
    ],
    [
      Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('b')]), {
        code: 'ECONNREFUSED',
      }),
      'connect ECONNREFUSED ::1:1, b. Start the database, or correct host and port in DATABASE_URL.',
    ],
    [
      new Error('Connection terminated unexpectedly'),
      'Connection terminated unexpectedly. The database ended the connection, or went away. Try again when it is back.',
    ],
    [new Error('one\n\n two!\n'), ' two!'],
    [undefined, 'unknown reason.'],
  ]
  for (const [error, says] of rows) t.equal(adviseOnDatabase(error), says)
})
