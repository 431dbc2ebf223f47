import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import t, { type Test } from 'tap'
import { startProxy } from '../support/tcp-proxy.js'
import { migrate } from '../../src/cli/migrate.js'
import type { Account } from '../../src/store/accounts.js'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, query } from '../helper.js'
import { clusterUrl, freePort } from '../support/cluster.js'
import { errorMessage } from '../support/postgres-messages.js'

const options = { autoMigrate: true, clock: () => 0 }
const unavailable = { name: 'Problem', code: 'unavailable' }

/**
 * Something that takes connections like a PostgreSQL and answers the first message with
 * `reply`, or with silence.
 */
async function standIn(t: Test, reply?: Buffer): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket
      .on('error', () => {})
      .once('data', () => {
        if (reply !== undefined) socket.end(reply)
      })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `postgresql://u:S3cret@127.0.0.1:${(server.address() as { port: number }).port}/d`
}

/** A URL of the test cluster with parts replaced. */
function clusterUrlWith(parts: Partial<Pick<URL, 'username' | 'pathname' | 'search'>>): string {
  return Object.assign(new URL(clusterUrl()), parts).href
}

t.test(
  'a database that cannot be reached is unavailable, soon, for the server and for npm run migrate',
  async (t: Test) => {
    const port = await freePort()
    const rows: Array<[what: string, url: string]> = [
      ['nothing listens', `postgresql://u:S3cret@127.0.0.1:${port}/d`],
      ['nothing listens on either address', `postgresql://u:S3cret@localhost:${port}/d`],
      ['no such host', 'postgresql://u:S3cret@nothing.invalid/d'],
      ['silence', await standIn(t)],
      [
        'wrong password',
        await standIn(t, errorMessage('28P01', 'password authentication failed for user "u"')),
      ],
      [
        'starting up',
        await standIn(t, errorMessage('57P03', 'the database system is starting up')),
      ],
      [
        'too many clients',
        await standIn(t, errorMessage('53300', 'sorry, too many clients already')),
      ],
      ['hangs up', await standIn(t, Buffer.alloc(0))],
      ['no such user', clusterUrlWith({ username: 'nobody_of_this_name' })],
      ['no such database', clusterUrlWith({ pathname: '/nothing_of_this_name' })],
      ['no TLS', clusterUrlWith({ search: '?sslmode=verify-full' })],
    ]
    for (const [what, url] of rows) {
      const start = performance.now()
      const failure = await openStore(url, options).catch((error: unknown) => error)
      t.match(failure, unavailable, what)
      t.notMatch(`${String(failure)} ${String((failure as Error).cause)}`, 'S3cret')
      t.ok(performance.now() - start < 10_000)
      await t.rejects(migrate(url), unavailable, `migrate: ${what}`)
    }
  },
)

t.test('a store outlives locks, ended connections and their return', async (t: Test) => {
  const url = await freshDatabase(t, 'postgresql')
  const { accounts, ping, close, name } = await openStore(url, options)
  t.notMatch(name, 'postgres@')
  const account = await accounts.create({ email: 'ada@example.org', passwordHash: 'h', name: null })
  const id = String(account?.id)
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  t.teardown(async () => {
    await close()
    await other.end()
  })
  const all = () => [
    accounts.findById(id),
    accounts.findByEmail('ada@example.org'),
    accounts.create({ email: 'b@example.org', passwordHash: 'h', name: null }),
    accounts.updateName(id, 'x'),
    accounts.replaceHash(id, 'h', 'i'),
    accounts.delete(account as Account, { ifUnchanged: true, keepAdmin: false }),
  ]
  const endConnections = async () => {
    await query(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'latchkey'",
    )
  }

  await other.query('BEGIN; LOCK TABLE users')
  // More than the pool has connections: those that wait for one give up as well.
  const waiting = await Promise.allSettled([...all(), ...all(), ...all(), ping()])
  t.ok(waiting.slice(0, -1).every((one) => one.status === 'rejected'))
  for (const one of waiting) if (one.status === 'rejected') t.match(one.reason, unavailable)
  await other.query('ROLLBACK')
  t.strictSame(await accounts.findById(id), account, 'nothing of it happened')

  await other.query('BEGIN; LOCK TABLE users')
  const queries = Promise.allSettled(all())
  while ((await query(url, 'SELECT 1 FROM pg_locks WHERE NOT granted')).length === 0);
  await endConnections()
  for (const one of await queries) t.match(one, { status: 'rejected', reason: unavailable })
  await other.query('ROLLBACK')
  t.strictSame(await accounts.findById(id), account)

  await endConnections()
  const answers = await Promise.allSettled([accounts.findById(id), ping()])
  for (const one of answers) if (one.status === 'rejected') t.match(one.reason, unavailable)
  t.strictSame(await accounts.findById(id), account, 'idle connections were ended')
  await ping()
})

t.test(
  'connections that have silently died are given up, and the next ones work',
  async (t: Test) => {
    const url = new URL(await freshDatabase(t, 'postgresql'))
    const proxy = await startProxy(Number(url.port))
    const { accounts, close } = await openStore(
      Object.assign(url, { port: String(proxy.port) }).href,
      options,
    )
    t.teardown(async () => {
      await close()
      proxy.close()
    })
    const ask = async (times: number) =>
      await Promise.allSettled(
        Array.from({ length: times }, async () => await accounts.findByEmail('ada@example.org')),
      )
    for (const one of await ask(20)) t.match(one, { status: 'fulfilled', value: null })
    proxy.blackHole(true)
    for (const one of await ask(20)) t.match(one, { status: 'rejected', reason: unavailable })
    proxy.blackHole(false)
    for (const one of await ask(20)) t.match(one, { status: 'fulfilled', value: null })
  },
)

t.test('every wait is bounded on the server too', async (t: Test) => {
  const url = await freshDatabase(t, 'postgresql')
  const { accounts, close } = await openStore(url, options)
  t.teardown(close)
  await query(
    url,
    `CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'); RETURN NEW; END $$`,
  )
  await query(
    url,
    'CREATE TABLE seen (statement_timeout text, idle_timeout text, application_name text)',
  )
  await query(
    url,
    'CREATE TRIGGER look BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION look()',
  )
  await accounts.create({ email: 'ada@example.org', passwordHash: 'h', name: null })
  t.strictSame(await query(url, 'SELECT * FROM seen'), [
    { statement_timeout: '1500ms', idle_timeout: '5s', application_name: 'latchkey' },
  ])
})
