import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { cancelStatement, isQueryTimeout } from '../../src/store/postgres-cancel.js'
import { freshDatabase, query, temporaryFolder } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { migrate } from '../support/migrated.js'
import { startPooler } from '../support/pgbouncer.js'
import { holdsSoon } from '../support/redis.js'

const key = { processID: 7, secretKey: -2 }
const expected = '000000' + '10' + '04d2162e' + '00000007' + 'fffffffe'

/** Listens, and returns what arrives. */
async function listen(
  t: Test,
  place: { port?: number; path?: string },
  onData: (socket: Socket) => void,
): Promise<{ server: Server; got: string[] }> {
  const got: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.on('data', (data) => {
      got.push(data.toString('hex'))
      onData(socket)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', ...place }, resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { server, got }
}

t.test('a cancellation goes to the host or the socket of the connection', async (t) => {
  const folder = mkdtempSync(join(temporaryFolder, 'latchkey-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  const port = await freePort()
  const tcp = await listen(t, { port }, (socket) => socket.end())
  const unix = await listen(t, { path: join(folder, '.s.PGSQL.5432') }, (socket) => socket.end())
  await cancelStatement({ host: '127.0.0.1', port, ...key })
  await cancelStatement({ host: folder, port: 5432, ...key })
  t.strictSame([tcp.got, unix.got], [[expected], [expected]])
})

t.test('a server that is away or silent holds nothing up for long', async (t) => {
  await cancelStatement({ host: '127.0.0.1', port: await freePort(), ...key })
  const port = await freePort()
  const { got } = await listen(t, { port }, (socket) => socket.resume())
  const begin = performance.now()
  await cancelStatement({ host: '127.0.0.1', port, ...key })
  t.ok(performance.now() - begin < 3000)
  t.strictSame(got, [expected])
})

t.test('which error is a timeout of the driver', async (t) => {
  t.equal(isQueryTimeout(new Error('Query read timeout')), true)
  for (const error of [undefined, new Error('timeout'), 'Query read timeout'])
    t.equal(isQueryTimeout(error), false)
})

/** Opens a store, lets a read wait for a lock until it times out, and ends the lock. */
async function timeOut(t: Test, url: string, direct: string): Promise<{ left: number }> {
  const store = await openStore(url, { autoMigrate: false, clock: Date.now })
  t.teardown(store.close)
  const holder = new pg.Client({ connectionString: direct })
  await holder.connect()
  await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  await t.rejects(store.accounts.findById('x'), { code: 'unavailable' })
  const waiting = async () =>
    (
      await query(
        direct,
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      )
    ).length
  await holdsSoon(async () => (await waiting()) === 0 || url !== direct)
  const left = await waiting()
  await holder.end()
  t.equal(await store.accounts.findById('x'), null)
  return { left }
}

t.test('a statement that timed out does not stay at the server', async (t) => {
  const direct = await migrate(await freshDatabase(t, 'postgresql'))
  // The server would cancel it earlier by itself.
  const url = `${direct}?statement_timeout=60000`
  t.strictSame(await timeOut(t, url, direct), { left: 0 })
})

t.test('through PgBouncer nothing is cancelled, so that it does not crash', async (t) => {
  const direct = await migrate(await freshDatabase(t, 'postgresql'))
  const pooler = await startPooler(t, direct)
  if (pooler !== null) t.strictSame(await timeOut(t, pooler.url, direct), { left: 1 })
})
