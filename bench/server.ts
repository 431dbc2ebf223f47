import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { resolve } from 'node:path'

/** The built program. */
export const main = resolve('dist/main.js')

/** A server in a process of its own, as an operator starts it. */
export interface BenchServer { pid: number, url: string, stop: () => Promise<void> }

/** Starts the built program in a folder and waits until it serves. Throws when it ends before. @param launcher a command that starts another, such as `taskset -c 0` */
export async function startServer (folder: string, settings: Record<string, string> = {}, launcher: string[] = []): Promise<BenchServer> {
  const port = settings.PORT ?? String(await freePort())
  const [program = '', ...args] = [...launcher, process.execPath, main]
  const child = spawn(program, args, { cwd: folder, env: { PATH: process.env.PATH, ...settings, PORT: port }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => { if (String(chunk).includes('Latchkey serves')) resolve() })
    child.once('exit', () => { reject(new Error('ended before it served')) })
  })
  return {
    pid: child.pid as number,
    url: `http://localhost:${port}`,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    }
  }
}

/** A port of this machine that nothing listens on. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise<void>((resolve) => { server.once('listening', resolve) })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => { server.close(resolve) })
  return port
}
