import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { freePort } from './cluster.js'

/** A server in a process of its own. */
export interface Server {
  process: ChildProcess
  url: string
  /** The log so far. */
  lines: () => Array<Record<string, unknown>>
  /** Ends the process with signals, in order, and answers its exit code. */
  stop: (...signals: NodeJS.Signals[]) => Promise<number | null>
}

/** What a process that ended by itself said. */
export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

const main = resolve('dist/main.js')

function launch(t: Test, cwd: string, args: string[], env: Record<string, string>) {
  const { PATH = '' } = process.env
  // What the test runner adds to every process would count the bundle's lines as those of the
  // sources, which have other branches.
  const child = spawn(
    'env',
    ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE', process.execPath, ...args],
    { cwd, env: { PATH, ...env }, stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    output.stdout += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    output.stderr += String(chunk)
  })
  t.teardown(() => {
    child.kill('SIGKILL')
  })
  return { child, output }
}

/** Sends JSON to a server. */
export async function post(
  url: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

/** Runs the program in a folder until it ends by itself, with a text in its standard input. */
export async function runMain(
  t: Test,
  cwd: string,
  {
    args = [],
    env = {},
    input = '',
  }: { args?: string[]; env?: Record<string, string>; input?: string } = {},
): Promise<Ended> {
  const { child, ended } = startMain(t, cwd, { args, env })
  child.stdin.end(input)
  return await ended
}

/** Starts the program in a folder; its standard input stays open. */
export function startMain(
  t: Test,
  cwd: string,
  { args, env }: { args: string[]; env: Record<string, string> },
): { child: ChildProcessWithoutNullStreams; ended: Promise<Ended> } {
  const { child, output } = launch(t, cwd, [main, ...args], env)
  // A program that does not read its input closes it as it likes.
  child.stdin.on('error', () => {})
  return {
    child,
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, ...output })),
  }
}

/**
 * Starts the program, unless another is named, in a folder, on a free port, and waits until it
 * serves.
 */
export async function startServer(
  t: Test,
  cwd: string,
  env: Record<string, string> = {},
  program = main,
): Promise<Server> {
  const port = env.PORT ?? String(await freePort())
  const { child, output } = launch(t, cwd, [program], { ...env, PORT: port })
  child.stdin.end()
  const ended = once(child, 'close')
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (output.stdout.includes('Latchkey serves')) resolve()
    })
    child.once('close', () => {
      reject(new Error(`ended before it served: ${output.stdout}${output.stderr}`))
    })
  })
  return {
    process: child,
    url: `http://localhost:${port}`,
    lines: () =>
      output.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    stop: async (...signals) => {
      for (const signal of signals) child.kill(signal)
      const [code] = (await ended) as [number | null]
      return code
    },
  }
}
