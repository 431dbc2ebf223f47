// Measures the start-up time and the idle memory of the built program on an existing database, as
// an operator starts it: `node dist/main.js`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort, memoryOf, startServer } from './server.js'

/** One start: milliseconds until it serves, and the resident memory two seconds later in MiB. */
export interface Start {
  ms: number
  mib: number
}

/** Prints the table. */
export async function run(): Promise<void> {
  const results = await measureStarts(7)
  console.table({
    'node alone, ms': summary(results.map(nodeAlone)),
    'start to listening, ms': summary(results.map(({ ms }) => ms)),
    'idle memory, MiB': summary(results.map(({ mib }) => mib)),
  })
}

/** Starts the program several times, after a first start that creates the database and keys. */
export async function measureStarts(rounds: number): Promise<Start[]> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const settings = { PORT: String(await freePort()) }
  const results: Start[] = []
  for (let round = -1; round < rounds; round++) {
    const begin = performance.now()
    const server = await startServer(folder, settings)
    const ms = performance.now() - begin
    if (round >= 0) {
      await wait(2000)
      results.push({ ms, mib: memoryOf(server.pid).resident })
    }
    await server.stop()
  }
  rmSync(folder, { recursive: true })
  return results
}

function nodeAlone(): number {
  const begin = performance.now()
  execFileSync(process.execPath, ['-e', '0'])
  return performance.now() - begin
}

function summary(figures: number[]): object {
  const sorted = figures.map(Math.round).sort((a, b) => a - b)
  return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)], max: sorted.at(-1) }
}
