import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** The built program. */
export const main = resolve('dist/main.js')

/**
 * Arguments of `env` that remove the variables of a test runner. With them, the coverage of the
 * sources would count lines of the bundle.
 */
export const bare = ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE']

/** A server in a separate process, as an operator starts it. */
export interface BenchServer {
  pid: number
  url: string
  /** The log so far, in lines of JSON. */
  log: () => string
  /** Whether the process still runs. */
  runs: () => boolean
  /** Stops it in order (SIGTERM) and returns its exit code; null if a signal ended it. */
  stop: () => Promise<number | null>
  /** Kills it like a crash (SIGKILL). */
  kill: () => Promise<void>
}

/**
 * Starts the built program in a folder and waits until it serves. Its log goes to a file there,
 * as under a service manager. Throws if the program ends before it serves.
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

/** Memory of a running process in MiB: resident now, and the peak so far. Linux; NaN elsewhere. */
export function memoryOf(pid: number): { resident: number; peak: number } {
  const status = process.platform === 'linux' ? readFileSync(`/proc/${pid}/status`, 'utf8') : ''
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return { resident: mib('VmRSS'), peak: mib('VmHWM') }
}

/** Counts the open files and connections of a running process. Linux. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Finds a free port of this machine. */
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
