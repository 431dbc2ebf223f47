import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { build } from 'esbuild'
import { bare } from './server.js'

/** The CPU time and memory of a forked server. */
export interface ChildState {
  cpuMicroseconds: number
  heapBytes: number
  residentBytes: number
}

/** A server of the bench, in a process of its own. */
export interface Child {
  pid: number
  url: string
  state: () => Promise<ChildState>
  stop: () => Promise<void>
}

/** Bundles the program bench/<name>.ts and returns the path of the bundle. */
export async function buildProgram(name: string): Promise<string> {
  const outfile = `dist/bench/${name}.mjs`
  await build({
    entryPoints: [`bench/${name}.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    logLevel: 'warning',
  })
  return outfile
}

/**
 * Starts a program and waits until it sends its address. Its log goes to a file, as under a
 * service manager. Throws if the program ends before it serves.
 */
export async function startChild(program: string, args: string[], logFile: string): Promise<Child> {
  const child = spawn('env', [...bare, process.execPath, '--expose-gc', program, ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', openSync(logFile, 'w'), 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  const message = async () =>
    (
      await Promise.race([
        once(child, 'message'),
        ended.then(() => {
          throw new Error(`${program} ended`)
        }),
      ])
    )[0] as unknown
  return {
    pid: child.pid as number,
    url: String(await message()),
    state: async () => {
      child.send('state')
      return (await message()) as ChildState
    },
    stop: async () => {
      child.kill()
      await ended
    },
  }
}
