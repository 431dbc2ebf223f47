import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config.js'
import { Problem } from '../../src/errors.js'
import { adviseOnDatabase } from '../../src/store/advice.js'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, query, temporaryFolder } from '../helper.js'
import { clusterUrl, freePort, makeCluster, removeCluster } from '../support/cluster.js'
import { errorMessage, message } from '../support/postgres-messages.js'
import { follow, makeEmptyCluster } from '../support/standby.js'

const secret = 'S3cret-pass'
const good = await freshDatabase(t, 'postgresql')
const standby = await freshDatabase(t, 'postgresql')
for (const url of [good, standby])
  await (await openStore(url, { autoMigrate: true, clock: Date.now })).close()
await query(
  clusterUrl(),
  `ALTER DATABASE ${new URL(standby).pathname.slice(1)} SET default_transaction_read_only = on`,
)
const { host, port, pathname } = new URL(good)

const refusal = errorMessage('28P01', 'password authentication failed for user "u"')
const askPassword = message('R', Buffer.from([0, 0, 0, 3]))

/** A server of TCP, or of a socket at a path. Returns its port. */
async function listen(t: Test, serve: (socket: Socket) => void, path?: string): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(path, resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return path === undefined ? (server.address() as { port: number }).port : 0
}

/** A bad setting. */
const wrong = /^Invalid|DATABASE_URL:/

/** What the operator is told at the start, or `serves`. */
async function start(url: string): Promise<string> {
  try {
    loadConfig({ DATABASE_URL: url })
    const store = await openStore(url, { autoMigrate: false, clock: Date.now })
    await store.ping()
    await store.close()
    return 'serves'
  } catch (error) {
    return error instanceof Problem ? adviseOnDatabase(error.cause) : (error as Error).message
  }
}

async function tell(t: Test, rows: Array<[what: string, url: string, says: RegExp | 'serves']>) {
  for (const [what, url, says] of rows) {
    const said = await start(url)
    t.match(said, says, what)
    t.notMatch(said, secret, `${what}: no password`)
  }
}

t.test('several hosts, of which some or all do not serve', async (t) => {
  const silent = `127.0.0.1:${await listen(t, () => {})}`
  const refusing = `127.0.0.1:${await listen(t, (socket) => socket.once('data', () => socket.end(refusal)))}`
  const away = `127.0.0.1:${await freePort()}`
  const unknown = 'nowhere.invalid:5432'
  const to = (...places: string[]) =>
    `postgresql://postgres:${secret}@${places.join(',')}${pathname}`
  const readOnly = `postgresql://postgres:${secret}@${host},${host}${new URL(standby).pathname}`
  await tell(t, [
    ['one of two does not resolve', to(unknown, host), 'serves'],
    ['one of two is away', to(away, host), 'serves'],
    ['one of two is silent', to(silent, host), 'serves'],
    ['one of two refuses the password', to(refusing, host), 'serves'],
    ['three of four are bad', to(unknown, silent, refusing, host), 'serves'],
    ['none resolves', to(unknown, unknown), /ENOTFOUND nowhere\.invalid.*cannot be resolved/],
    ['all are away', to(away, away), /ECONNREFUSED.*Start the database/],
    ['all are silent', to(silent, silent), /timeout.*does not respond/i],
    ['all refuse the password', to(refusing, refusing), /^password authentication failed.*Correct/],
    ['all are standbys', readOnly, /standby.*must lead to the primary/],
  ])
})

t.test('a standby that lags is never read, and alone it is refused', async (t) => {
  const primary = await makeCluster()
  const lagging = await makeEmptyCluster(primary)
  t.teardown(() => {
    removeCluster(lagging)
    removeCluster(primary)
  })
  // It applies each commit an hour late.
  const settings = { recovery_min_apply_delay: '1h' }
  await follow(primary, lagging, { isSynchronous: false, settings })
  const to = (...urls: string[]) =>
    `postgresql://postgres@${urls.map((url) => new URL(url).host).join(',')}/postgres?target_session_attrs=read-write`
  await (await openStore(primary.url, { autoMigrate: true, clock: Date.now })).close()
  for (const url of [to(lagging.url, primary.url), to(primary.url, lagging.url)]) {
    const store = await openStore(url, { autoMigrate: false, clock: Date.now })
    const account = await store.accounts.create({
      email: `${crypto.randomUUID()}@example.org`,
      passwordHash: '!',
      name: null,
    })
    const id = account?.id ?? ''
    for (let tries = 0; tries < 5; tries++) t.match(await store.accounts.findById(id), { id }, url)
    await store.close()
  }
  t.strictSame(await query(lagging.url, "SELECT to_regclass('users') AS users"), [{ users: null }])
  await tell(t, [
    ['beside the primary', to(lagging.url, primary.url), 'serves'],
    ['named twice', to(lagging.url, lagging.url), /standby.*must lead to the primary/],
    ['alone, before it has the tables', lagging.url, /lacks migrations/],
  ])
  const migrating = await openStore(lagging.url, { autoMigrate: true, clock: Date.now }).catch(
    (error: unknown) => error,
  )
  t.match(
    adviseOnDatabase((migrating as Problem).cause),
    /read-only transaction.*must lead to the primary/,
  )
})

t.test('IPv6 in brackets, sockets and mixed ports', async (t) => {
  // The path of a socket has 107 characters at most.
  const folder = mkdtempSync(join(temporaryFolder, 'latchkey-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  const pipe = (near: Socket) => {
    const far = connect(Number(port), '127.0.0.1').on('error', () => {})
    near.pipe(far).pipe(near)
  }
  await listen(t, pipe, join(folder, '.s.PGSQL.5432'))
  await listen(t, pipe, join(folder, '.s.PGSQL.6000'))
  const away = await freePort()
  await tell(t, [
    ['IPv6', `postgresql://postgres@[::ffff:127.0.0.1]:${port}${pathname}`, 'serves'],
    ['IPv6 away', `postgresql://postgres@[::1]:${away}${pathname}`, /ECONNREFUSED ::1/],
    [
      'IPv6 away, and one that is there',
      `postgresql://postgres@[::1]:${away},[::ffff:127.0.0.1]:${port}${pathname}`,
      'serves',
    ],
    ['a socket', `postgresql://postgres@${pathname}?host=${folder}`, 'serves'],
    [
      'a socket with a port',
      `postgresql://postgres@${pathname}?host=${folder}&port=6000`,
      'serves',
    ],
    ['a socket that is missing', `postgresql://postgres@${pathname}?host=/gone`, /ENOENT \/gone/],
    [
      'a socket that is missing, and a host',
      `postgresql://postgres@${pathname}?host=/gone,127.0.0.1&port=5432,${port}`,
      'serves',
    ],
    ['two ports', `postgresql://postgres@127.0.0.1:${away},${host}${pathname}`, 'serves'],
    [
      'one port for both',
      `postgresql://postgres@127.0.0.1,localhost${pathname}?port=${port}`,
      'serves',
    ],
    ['more ports than hosts', `postgresql:///d?host=a&port=1,2`, wrong],
  ])
})

t.test('each sslmode, on a server without TLS', async (t) => {
  const to = (search: string) => `postgresql://postgres:${secret}@${host}${pathname}?${search}`
  await tell(t, [
    ['disable', to('sslmode=disable'), 'serves'],
    ...['prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'].map(
      (mode): [string, string, RegExp] => [mode, to(`sslmode=${mode}`), /does not support SSL/],
    ),
    ['misspelled', to('sslmode=verify_full'), wrong],
    ['upper case', to('sslmode=REQUIRE'), wrong],
    ['misspelled name', to('sslmod=require'), wrong],
  ])
})

t.test('the URLs of hosted databases lead to their hosts', async (t) => {
  // The hosts do not exist: their name in the sentence shows that the rest was read.
  await tell(t, [
    [
      'Neon',
      `postgresql://me:${secret}@ep-x-pooler.c-2.aws.neon.invalid/neondb?sslmode=require&channel_binding=require`,
      /ENOTFOUND ep-x-pooler\.c-2\.aws\.neon\.invalid/,
    ],
    [
      'Supabase',
      `postgresql://postgres.abc:${secret}@aws-0-x.pooler.supabase.invalid:6543/postgres?pgbouncer=true&connection_limit=1`,
      /ENOTFOUND aws-0-x\.pooler\.supabase\.invalid/,
    ],
    [
      'RDS',
      `postgresql://me:${secret}@db.x.eu-west-1.rds.invalid:5432/db?sslmode=verify-full`,
      /ENOTFOUND db\.x\.eu-west-1\.rds\.invalid/,
    ],
    [
      'Heroku',
      `postgres://me:${secret}@ec2-1.invalid:5432/d1?sslmode=no-verify`,
      /ENOTFOUND ec2-1/,
    ],
  ])
})

t.test('a password with characters of URLs arrives, or is refused unseen', async (t) => {
  const got: string[] = []
  const asking = await listen(t, (socket) => {
    socket.once('data', () => {
      socket.write(askPassword)
      socket.once('data', (data) => {
        got.push((data as Buffer).subarray(5, -1).toString())
        socket.end(refusal)
      })
    })
  })
  const to = (password: string) => `postgresql://u:${password}@127.0.0.1:${asking}/d`
  const all = 'p@ss:w/rd#50%?&+ ü'
  for (const written of [encodeURIComponent(all), 'raw@at', 'raw:colon', 'raw+plus']) {
    t.match(await start(to(written)), /password authentication failed/, written)
    t.strictSame([...new Set(got.splice(0))], [decodeURIComponent(written)])
  }
  for (const written of ['raw/slash', 'raw#hash', 'raw?mark', 'raw%zz']) {
    const said = await start(to(written))
    t.match(said, wrong, written)
    t.notMatch(said, /raw|slash|hash|mark/)
  }
})
