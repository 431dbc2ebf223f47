// Start-up time and idle memory of the built program on an existing database, as an operator starts it: `node dist/main.js`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, startServer } from './server.js'

const rounds = 7

/** Prints the table. */
export async function run (): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const settings = { PORT: String(await freePort()) }
  await round(folder, settings)
  const results: Array<{ ms: number, mib: number }> = []
  for (let i = 0; i < rounds; i++) results.push(await round(folder, settings))
  rmSync(folder, { recursive: true })
  console.table({
    'node alone, ms': summary(Array.from({ length: rounds }, nodeAlone)),
    'start to listening, ms': summary(results.map(({ ms }) => ms)),
    'idle memory, MiB': summary(results.map(({ mib }) => mib))
  })
}

/** One start: milliseconds until it serves, and the resident memory two seconds later (Linux; NaN elsewhere). */
async function round (folder: string, settings: Record<string, string>): Promise<{ ms: number, mib: number }> {
  const begin = performance.now()
  const server = await startServer(folder, settings)
  const ms = performance.now() - begin
  await wait(2000)
  const mib = process.platform === 'linux' ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024 : NaN
  await server.stop()
  return { ms, mib }
}

function nodeAlone (): number {
  const begin = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - begin
}

function summary (figures: number[]): object {
  const sorted = figures.map(Math.round).sort((a, b) => a - b)
  return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) }
}
