import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** The built program. */
export const main = resolve('dist/main.js')

/**
 * For `env`: without what a test runner adds to every process, which would count the bundle's
 * lines as those of the sources.
 */
export const bare = ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE']

/** A server in a process of its own, as an operator starts it. */
export interface BenchServer {
  pid: number
  url: string
  /** What it has written so far, in lines of JSON. */
  log: () => string
  /** Whether the process still runs. */
  runs: () => boolean
  /** Ends it in order (SIGTERM) and answers its exit code; null when a signal ended it. */
  stop: () => Promise<number | null>
  /** Ends it as a crash does (SIGKILL). */
  kill: () => Promise<void>
}

/**
 * Starts the built program in a folder and waits until it serves. Its log goes to a file there,
 * as under a service manager. Throws when it ends before.
 *
 * @param launcher a command that starts another, such as `taskset -c 0`
 */
export async function startServer(
  folder: string,
  settings: Record<string, string> = {},
  launcher: string[] = [],
): Promise<BenchServer> {
  const port = settings.PORT ?? String(await freePort())
  const log = join(folder, `server-${port}.log`)
  const output = openSync(log, 'w')
  const child = spawn('env', [...bare, ...launcher, process.execPath, main], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...settings, PORT: port },
    stdio: ['ignore', output, 'inherit'],
  })
  closeSync(output)
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve()
    })
  })
  while (!readFileSync(log, 'utf8').includes('Latchkey serves')) {
    if (child.exitCode !== null) throw new Error('ended before it served')
    await wait(2)
  }
  return {
    pid: child.pid as number,
    log: () => readFileSync(log, 'utf8'),
    url: `http://localhost:${port}`,
    runs: () => child.exitCode === null && child.signalCode === null,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
      return child.exitCode
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Memory of a running process in MiB: resident now, and the most so far. Linux; NaN elsewhere. */
export function memoryOf(pid: number): { resident: number; most: number } {
  const status = process.platform === 'linux' ? readFileSync(`/proc/${pid}/status`, 'utf8') : ''
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return { resident: mib('VmRSS'), most: mib('VmHWM') }
}

/** How many files and connections a running process has open. Linux. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** A port of this machine that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => {
    server.once('listening', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return port
}
