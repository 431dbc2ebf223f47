import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { chown, copyFile, mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { type Cluster, freePort, programOptions, startArguments } from './cluster.js'
import { query } from './query.js'

/** How a standby follows its primary. */
export interface Following {
  /** Whether a commit at the primary waits for the standby. */
  isSynchronous: boolean
  /** The port of the primary that the standby connects to, if a proxy is between. */
  port?: number
  /** Settings of the standby, such as `recovery_min_apply_delay`. */
  settings?: Record<string, string>
}

/** The name by which a primary knows its standby. */
const standbyName = 'follower'

/** Creates a cluster without data, with the programs of another. It gets a port of its own. */
export async function makeEmptyCluster(other: Cluster): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-postgres-'))
  chmodSync(folder, 0o755)
  symlinkSync(join(other.folder, 'native'), join(folder, 'native'))
  return { folder, url: Object.assign(new URL(other.url), { port: String(await freePort()) }).href }
}

/**
 * Makes a cluster the streaming standby of a running primary, and waits until it follows. The
 * cluster must be stopped. Its data are replaced by a copy of the primary's, as `pg_basebackup`
 * does: so it does not matter whether the cluster has writes that the primary never got.
 */
export async function follow(
  primary: Cluster,
  standby: Cluster,
  { isSynchronous, port = Number(new URL(primary.url).port), settings = {} }: Following,
): Promise<void> {
  await copyData(primary, standby)
  const data = join(standby.folder, 'data')
  const lines = {
    ...settings,
    primary_conninfo: `host=127.0.0.1 port=${port} user=postgres application_name=${standbyName}`,
    // The one that is the primary after a promotion has no standby at first.
    synchronous_standby_names: '',
  }
  writeFileSync(
    join(data, 'postgresql.auto.conf'),
    Object.entries(lines)
      .map(([name, value]) => `${name} = '${value}'\n`)
      .join(''),
  )
  writeFileSync(join(data, 'standby.signal'), '')
  await start(standby)
  await until(async () => (await replicationState(primary)) !== null)
  // A previous standby may have been synchronous, and commits would wait for this one.
  const names = isSynchronous ? `FIRST 1 (${standbyName})` : ''
  await query(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
  await query(primary.url, 'SELECT pg_reload_conf()')
  await until(async () => (await replicationState(primary)) === (isSynchronous ? 'sync' : 'async'))
}

/** Promotes a standby, and waits until it can be written to. */
export async function promote({ url }: Cluster): Promise<void> {
  const [row] = await query(url, 'SELECT pg_promote(true, 30) AS done')
  if (row?.done !== true) throw new Error('the standby was not promoted')
}

/** Starts a stopped cluster at the address that it had. */
export async function start(cluster: Cluster): Promise<void> {
  await control(cluster, startArguments(cluster))
}

/** Stops a cluster in order: its connections end, and its standby gets everything before. */
export async function stopInOrder(cluster: Cluster): Promise<void> {
  await control(cluster, ['-D', join(cluster.folder, 'data'), '-w', '-m', 'fast', 'stop'])
}

/** Waits until a state is reached, at most 20 seconds. */
export async function until(isReached: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await isReached())) {
    if (performance.now() > end) throw new Error('the state was not reached in time')
    await wait(20)
  }
}

async function replicationState({ url }: Cluster): Promise<string | null> {
  const rows = await query(
    url,
    `SELECT sync_state FROM pg_stat_replication WHERE application_name = '${standbyName}' AND state = 'streaming'`,
  )
  return rows.length === 0 ? null : String(rows[0]?.sync_state)
}

async function control(cluster: Cluster, args: string[]): Promise<void> {
  // Its streams stay open in the server, so do not wait for their end.
  const child = spawn(join(cluster.folder, 'native/bin/pg_ctl'), args, {
    ...programOptions(cluster),
    stdio: 'ignore',
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  const log = join(cluster.folder, 'data/log')
  if (code !== 0)
    throw new Error(
      `pg_ctl ${args.at(-1)}: code ${code}\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`,
    )
}

/**
 * Copies the data of a running primary (PostgreSQL's "low-level base backup"). The write-ahead
 * log comes by streaming.
 */
async function copyData(primary: Cluster, standby: Cluster): Promise<void> {
  const [from, to] = [join(primary.folder, 'data'), join(standby.folder, 'data')]
  // The backup ends with its connection.
  const client = new pg.Client({ connectionString: primary.url })
  await client.connect()
  try {
    await client.query("ALTER SYSTEM SET wal_keep_size = '1GB'")
    await client.query('SELECT pg_reload_conf()')
    await client.query("SELECT pg_backup_start('copy', fast => true)")
    rmSync(to, { recursive: true, force: true })
    await copyFolder(from, to)
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT * FROM pg_backup_stop(false)',
    )
    writeFileSync(join(to, 'backup_label'), rows[0]?.labelfile ?? '')
    await give(to)
  } finally {
    await client.end()
  }
}

/** Files that the copy must not have: the log comes by streaming. */
const left = /^(postmaster\.(pid|opts)|log|[0-9A-F]{24}(\.\w+)?)$/

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else if (!left.test(entry.name))
      await copyFile(source, target).catch((error: NodeJS.ErrnoException) => {
        // A running server removes files.
        if (error.code !== 'ENOENT') throw error
      })
  }
}

/** Gives a folder and its files to the user of PostgreSQL. */
async function give(folder: string, { uid, gid } = programOptions({ folder, url: '' })) {
  if (uid === undefined || gid === undefined) return
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chown(join(entry.parentPath, entry.name), uid, gid)
  await chown(folder, uid, gid)
}
