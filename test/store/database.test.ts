import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { connect, parseDatabaseUrl } from '../../src/store/database.js'
import { available } from '../../src/store/faults.js'
import { applyMigrations } from '../../src/store/migrations.js'
import { openStore } from '../../src/store/open-store.js'
import { freePort } from '../support/cluster.js'

t.test('which database a URL names, without what is secret in it', async (t) => {
  const rows: Array<[url: string, provider: string, name: string, hasLock: boolean]> = [
    ['file:./data/latchkey.db', 'sqlite', 'SQLite file:./data/latchkey.db', true],
    ['file:///var/lib/a.db?authToken=S3cret', 'sqlite', 'SQLite file:///var/lib/a.db', true],
    ['libsql://db.example?authToken=S3cret', 'sqlite', 'libSQL libsql://db.example', false],
    [
      'libsql://u:S3cret@db.example:8080/x?authToken=S3cret#S3cret',
      'sqlite',
      'libSQL libsql://db.example:8080/x',
      false,
    ],
    [
      'postgresql://u:S3cret@db.example:5432/latchkey',
      'postgresql',
      'PostgreSQL postgresql://db.example:5432/latchkey',
      false,
    ],
    [
      'postgres://u:S3cret%23%40@db.example/latchkey?sslmode=require&password=S3cret',
      'postgresql',
      'PostgreSQL postgres://db.example/latchkey',
      false,
    ],
    [
      'postgresql:///latchkey?host=/run/postgresql&user=u',
      'postgresql',
      'PostgreSQL postgresql:///run/postgresql/latchkey',
      false,
    ],
  ]
  for (const [url, provider, name, hasLock] of rows) {
    const database = parseDatabaseUrl(url)
    t.strictSame(
      { provider: database.provider, name: database.name, hasLock: database.lockAdapter !== null },
      { provider, name, hasLock },
    )
    t.notMatch(JSON.stringify(database), 'S3cret')
  }
})

t.test('a remote libSQL server that is away is unavailable', async (t) => {
  const port = await freePort()
  for (const url of [
    `libsql://127.0.0.1:${port}?tls=0&authToken=S3cret`,
    `libsql://127.0.0.1:${port}`,
  ]) {
    const failure = await openStore(url, { autoMigrate: false, clock: () => 0 }).catch(
      (error: unknown) => error,
    )
    t.match(failure, { name: 'Problem', code: 'unavailable' })
    t.notMatch(String((failure as Error).cause), 'S3cret')
    const unmigrated = await applyMigrations(parseDatabaseUrl(url)).catch((error: unknown) => error)
    t.type(unmigrated, Error)
    t.notMatch(String(unmigrated), 'S3cret')
  }
})

t.test(
  'a remote libSQL server that says nothing is unavailable, for all who wait for it',
  async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const client = await connect(
      parseDatabaseUrl(`libsql://127.0.0.1:${(server.address() as AddressInfo).port}?tls=0`),
    )
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, async () => await available(client.$queryRawUnsafe('SELECT 1'))),
    )
    for (const one of outcomes)
      t.match(one, { status: 'rejected', reason: { name: 'Problem', code: 'unavailable' } })
    await client.$disconnect()
  },
)
