import dns from 'node:dns'
import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import t, { type Test } from 'tap'
import { adviseOnDatabase } from '../../src/store/advice.js'
import { buildTestApp, freshDatabase, problem, query, type TestApp } from '../helper.js'
import { freePort } from '../support/cluster.js'
import { migrate } from '../support/migrated.js'
import { errorMessage } from '../support/postgres-messages.js'
import { holdsSoon } from '../support/redis.js'
import { startProxy } from '../support/tcp-proxy.js'

const direct = await migrate(await freshDatabase(t, 'postgresql'))
const env = { RATE_LIMITS: 'off' }

/** Servers that accept, and then are no PostgreSQL that serves. */
const servers: Array<[name: string, serve: (socket: Socket) => unknown]> = [
  [
    'a server that is starting',
    (socket) =>
      socket.once('data', () =>
        socket.end(errorMessage('57P03', 'the database system is starting up')),
      ),
  ],
  [
    'a server that is shutting down',
    (socket) =>
      socket.once('data', () =>
        socket.end(errorMessage('57P03', 'the database system is shutting down')),
      ),
  ],
  [
    'a server without a free connection',
    (socket) =>
      socket.once('data', () =>
        socket.end(errorMessage('53300', 'sorry, too many clients already')),
      ),
  ],
  [
    'an unknown error while connecting',
    (socket) => socket.once('data', () => socket.end(errorMessage('57P99', 'x'))),
  ],
  ['a server that closes at once', (socket) => socket.end()],
  ['a server that resets', (socket) => socket.resetAndDestroy()],
  [
    'a server that closes after the first message',
    (socket) => socket.once('data', () => socket.end()),
  ],
  [
    'a server of HTTP',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n')),
  ],
  ['half a message', (socket) => socket.once('data', () => socket.end('R\0\0'))],
]

async function listen(t: Test, serve: (socket: Socket) => unknown): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

const isUnavailable = (t: Test, reply: Awaited<ReturnType<TestApp['call']>>, name: string) => {
  problem(t, reply, 503, 'unavailable', name)
  t.match(reply.headers['retry-after'], /^\d+$/, `${name}: Retry-After`)
}

t.test('new connections to something else are 503', async (t) => {
  const proxy = await startProxy(Number(new URL(direct).port))
  t.teardown(() => {
    proxy.close()
  })
  const url = Object.assign(new URL(direct), { port: String(proxy.port) }).href
  const { call, signup } = await buildTestApp(t, { databaseUrl: url, env })
  const { access_token: token } = await signup()
  const me = async () => await call('GET', '/me', { token })
  for (const [name, serve] of servers) {
    proxy.leadTo(await listen(t, serve))
    proxy.reset()
    // The first one may be sent on a connection that was reset.
    for (let tries = 0; tries < 3; tries++) isUnavailable(t, await me(), name)
    proxy.leadTo(Number(new URL(direct).port))
    t.ok(await holdsSoon(async () => (await me()).statusCode === 200), name)
  }
})

/** Breaks the connections to a port of this process, as the operating system reports it. */
function breakConnections(port: number, error: Error): void {
  const handles = (process as unknown as { _getActiveHandles: () => object[] })._getActiveHandles()
  for (const handle of handles)
    if ((handle as Partial<Socket>).remotePort === port) (handle as Socket).destroy(error)
}

const system = (code: string, syscall = 'read') =>
  Object.assign(new Error(`${syscall} ${code}`), { code, syscall, errno: -1 })
const node = (code: string, message: string) => Object.assign(new Error(message), { code })

t.test('a connection that breaks during a statement is 503', async (t) => {
  const proxy = await startProxy(Number(new URL(direct).port))
  t.teardown(() => {
    proxy.close()
  })
  const url = Object.assign(new URL(direct), { port: String(proxy.port) }).href
  const { call, signup } = await buildTestApp(t, { databaseUrl: url, env })
  const { access_token: token } = await signup()
  const me = async () => await call('GET', '/me', { token })
  const errors = [
    ...['ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EIO'].map((code) =>
      system(code),
    ),
    ...['EPIPE', 'ECONNABORTED', 'EPROTO'].map((code) => system(code, 'write')),
    node(
      'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
      'error:0A000119:SSL routines::bad record mac',
    ),
    node('ERR_STREAM_WRITE_AFTER_END', 'write after end'),
    node('ERR_SOCKET_CLOSED', 'Socket is closed'),
  ]
  for (const error of errors) {
    const holder = new pg.Client({ connectionString: direct })
    await holder.connect()
    await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
    const sent = me()
    t.ok(
      await holdsSoon(async () => {
        const rows = await query(
          direct,
          "SELECT 1 FROM pg_stat_activity WHERE application_name = 'latchkey' AND datname = current_database() AND wait_event_type = 'Lock'",
        )
        return rows.length > 0
      }),
    )
    breakConnections(proxy.port, error)
    isUnavailable(t, await sent, error.message)
    await holder.end()
    t.ok(await holdsSoon(async () => (await me()).statusCode === 200), error.message)
  }
})

t.test('a name with several addresses: the one that serves is used, or 503', async (t) => {
  const { port, pathname } = new URL(direct)
  const name = 'several.invalid'
  const { lookup } = dns
  const addresses: string[] = []
  Object.assign(dns, {
    lookup: (host: string, options: object, callback: (...args: unknown[]) => void) => {
      if (host !== name) lookup(host, options, callback)
      else
        callback(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        )
    },
  })
  t.teardown(() => {
    Object.assign(dns, { lookup })
  })
  const serve = async (port: string | number, ...found: string[]) => {
    addresses.splice(0, addresses.length, ...found)
    return await buildTestApp(t, {
      databaseUrl: `postgresql://postgres@${name}:${port}${pathname}`,
      env,
    }).catch((error: unknown) => error)
  }
  // Nothing listens at the second address of this machine.
  const test = (await serve(port, '127.0.0.2', '127.0.0.1')) as TestApp
  const { access_token: token } = await test.signup()
  t.equal((await test.call('GET', '/me', { token })).statusCode, 200)
  const proxy = await startProxy(Number(port))
  const other = (await serve(proxy.port, '127.0.0.2', '127.0.0.1')) as TestApp
  const { access_token: second } = await other.signup()
  proxy.close()
  for (const found of [
    ['127.0.0.2', '127.0.0.1'],
    ['192.0.2.1', '127.0.0.1'],
  ]) {
    addresses.splice(0, addresses.length, ...found)
    for (let tries = 0; tries < 2; tries++)
      isUnavailable(t, await other.call('GET', '/me', { token: second }), found.join())
  }
  const refused = await serve(await freePort(), '127.0.0.2', '127.0.0.1')
  t.match(
    adviseOnDatabase((refused as Error).cause),
    /^connect ECONNREFUSED 127\.0\.0\.2:\d+, connect ECONNREFUSED 127\.0\.0\.1:\d+\. Start the database/,
  )
})
