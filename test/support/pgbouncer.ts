import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort } from './cluster.js'
import { holdsSoon } from './redis.js'

/** A real PgBouncer in transaction mode in front of a database. */
export interface Pooler {
  url: string
  /** Ends it as a crash does. */
  kill: () => Promise<void>
  /** Starts it again at the same address. */
  start: () => Promise<void>
  /** Runs a command of its console, such as PAUSE. The user of the URL may do that. */
  command: (text: string) => Promise<void>
}

/**
 * Starts PgBouncer with its default configuration, but for the mode, the addresses and the
 * given settings. The database needs no password. Returns null, and says so, if the machine has
 * no PgBouncer. On CI that is a failure.
 *
 * @param user logs in at the database
 */
export async function startPooler(
  t: Pick<Test, 'comment' | 'notOk' | 'teardown'>,
  databaseUrl: string,
  { user = 'postgres', settings = {} }: { user?: string; settings?: Record<string, string> } = {},
): Promise<Pooler | null> {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' })
  } catch {
    const why = 'There is no PgBouncer, so its tests are not run: apt-get install pgbouncer'
    t.notOk(process.env.CI === 'true', why)
    t.comment(why)
    return null
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'))
  chmodSync(folder, 0o755)
  const [port, { hostname, port: serverPort, pathname }] = [await freePort(), new URL(databaseUrl)]
  const name = pathname.slice(1)
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    admin_users: 'postgres',
    pool_mode: 'transaction',
    ...settings,
  }
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n${name} = host=${hostname} port=${serverPort} dbname=${name} user=${user}\n[pgbouncer]\n${Object.entries(
      lines,
    )
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('')}`,
  )
  let child: ChildProcess
  const start = async () => {
    child = spawn('pgbouncer', ['-q', join(folder, 'pgbouncer.ini')], {
      ...(process.getuid?.() === 0 && idsOf('postgres')),
      stdio: 'ignore',
    })
    const isUp = await holdsSoon(async () => await accepts(port))
    if (!isUp) throw new Error('PgBouncer does not start')
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }
  await start()
  t.teardown(async () => {
    await kill()
    rmSync(folder, { recursive: true })
  })
  const place = `postgresql://postgres@127.0.0.1:${port}`
  return {
    url: `${place}/${name}`,
    kill,
    start,
    command: async (text) => {
      const client = new pg.Client({ connectionString: `${place}/pgbouncer` })
      // SHUTDOWN breaks the connection.
      client.on('error', () => {})
      await client.connect()
      await client.query(text).finally(async () => {
        await client.end()
      })
    },
  }
}

async function accepts(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => {
      resolve(false)
    })
  })
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
