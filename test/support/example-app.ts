import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

/** An app of the examples in a process of its own. */
export interface ExampleApp {
  stop: () => Promise<void>
}

/** Starts an app of the examples with settings, and waits until it serves. */
export async function startExample(
  t: Test,
  file: string,
  env: Record<string, string>,
): Promise<ExampleApp> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [`examples/${file}`], {
    env: { PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(async () => {
    await end(child)
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += String(chunk)
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => {
      resolve()
    })
    child.once('close', () => {
      reject(new Error(`${file}: ${errors}`))
    })
  })
  return {
    stop: async () => {
      await end(child)
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  await ended
}
