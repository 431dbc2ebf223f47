// `npm run bench`: what the program does in a second, beside what the machine and the libraries
// under it can do, measured in the same run. `--quick` measures each thing once and shortly;
// `--write` puts the table into docs/performance.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { flood, type FloodReport } from './flood.js'
import { burstLines, measureBursts, shipped } from './memory.js'
import { type Extent, measure, type Measurements, ratio } from './measure.js'
import { measureStarts, type Start } from './start.js'
import { median } from './statistics.js'

const full: Extent = { rounds: 6, seconds: 1.5, accounts: 32, databases: ['SQLite', 'PostgreSQL'] }
const quick: Extent = { rounds: 1, seconds: 0.8, accounts: 8, databases: ['SQLite', 'PostgreSQL'] }

const bare = 'bare Fastify route'
const hash = 'argon2 alone'
const read = 'Prisma alone: find an account, SQLite'

/**
 * What is wanted of a scenario: a share of another one in the same run. 1,500 and 5,000 of
 * 12,800 reads a second are these shares on any machine.
 */
const targets: Record<string, { of: string; atLeast: number }> = {
  'GET /claims, token seen before': { of: bare, atLeast: 0.8 },
  'GET /me, SQLite': { of: read, atLeast: 0.39 },
  'POST /refresh, SQLite': { of: read, atLeast: 0.117 },
  'POST /login, SQLite': { of: hash, atLeast: 0.9 },
}

const mostIdleMiB = 150
const mostStartMs = 1000

/** One line of the table; empty where it says nothing. */
type Line = Record<
  'what' | 'a second' | 'p50 ms' | 'p99 ms' | 'of bare' | 'of argon2' | 'of Prisma' | 'target',
  string
>

/** Measures, prints, and writes dist/bench/results.json. */
export async function run(args: string[]): Promise<void> {
  const isQuick = args.includes('--quick')
  const begin = performance.now()
  const measurements = await measure(isQuick ? quick : full)
  const starts = await measureStarts(isQuick ? 1 : 5)
  const flooded = await flood({ seconds: isQuick ? 3 : 5, times: 20, split: true, again: !isQuick })
  const waitSeconds = isQuick ? 5 : 60
  const extent = { rounds: 1, logins: isQuick ? 50 : 200, waitSeconds }
  const bursts = await measureBursts(['', shipped], extent)
  const lines = linesOf(measurements)
  const others = [
    ...othersOf(measurements, starts),
    ...floodLines(flooded),
    ...burstLines(bursts, waitSeconds),
  ]
  console.table(Object.fromEntries(lines.map(({ what, ...rest }) => [what, rest])))
  console.table(Object.fromEntries(others.map(({ what, ...rest }) => [what, rest])))
  const about = {
    machine: `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    mode: isQuick ? 'quick' : 'full',
  }
  mkdirSync('dist/bench', { recursive: true })
  writeFileSync(
    'dist/bench/results.json',
    JSON.stringify(
      { ...about, ...measurements, starts, flood: flooded, bursts, lines, others },
      null,
      2,
    ),
  )
  console.log(
    `${Math.round((performance.now() - begin) / 1000)} s; every sample is in dist/bench/results.json`,
  )
  if (args.includes('--write'))
    writeTables(
      'docs/performance.md',
      `${about.machine}, Node ${about.node}, ${about.date}${isQuick ? ', --quick' : ''}\n\n${markdown(lines)}\n\n${markdown(others)}`,
    )
}

/** The scenarios as lines of the table, in the order in which they were measured. */
export function linesOf(measurements: Measurements): Line[] {
  return Object.entries(measurements.samples).map(([name, samples]) => {
    const share = (to: string) =>
      name === to || /alone/.test(name)
        ? ''
        : ratio(measurements, name, to).toFixed(to === hash ? 2 : 3)
    const target = targets[name]
    const reached = target === undefined ? NaN : ratio(measurements, name, target.of)
    return {
      what: name,
      'a second': rounded(median(samples.map(({ perSecond }) => perSecond))),
      'p50 ms': rounded(median(samples.map(({ p50 }) => p50))),
      'p99 ms': rounded(median(samples.map(({ p99 }) => p99))),
      'of bare': /claims|bare/.test(name) ? share(bare) : '',
      'of argon2': /login|signup/.test(name) ? share(hash) : '',
      'of Prisma':
        /me\b|refresh/.test(name) && !/claims/.test(name)
          ? share(name.replace(/^.*, /, 'Prisma alone: find an account, '))
          : '',
      target:
        target === undefined
          ? ''
          : `${reached >= target.atLeast ? 'reached' : 'missed'}: ${target.atLeast} of ${target.of.replace(/[:,].*/, '')}`,
    }
  })
}

/** Start-up time and memory as lines of a table. */
export function othersOf(
  { memory }: Measurements,
  starts: Start[],
): Array<Record<'what' | 'figure' | 'target', string>> {
  const line = (what: string, figure: number, unit: string, most?: number) => ({
    what,
    figure: `${Math.round(figure)} ${unit}`,
    target:
      most === undefined ? '' : `${figure <= most ? 'reached' : 'missed'}: at most ${most} ${unit}`,
  })
  return [
    line('start to listening', median(starts.map(({ ms }) => ms)), 'ms', mostStartMs),
    line('idle memory', median(starts.map(({ mib }) => mib)), 'MiB', mostIdleMiB),
    ...Object.entries(memory).map(([kind, mib]) =>
      line(`most memory under all of the above, ${kind}`, mib, 'MiB'),
    ),
  ]
}

/** The flood of logins as lines of a table. */
export function floodLines({
  goodputOfCapacity,
  idle,
  flooded,
  peakMemory,
}: FloodReport): Array<Record<'what' | 'figure' | 'target', string>> {
  const kept = flooded.p99 <= Math.min(50, 5 * idle.p99)
  return [
    {
      what: 'logins answered under 20 times the capacity, of the capacity',
      figure: goodputOfCapacity.toFixed(2),
      target: `${goodputOfCapacity >= 0.9 ? 'reached' : 'missed'}: at least 0.9`,
    },
    {
      what: 'p99 of GET /claims at 300 a second, idle',
      figure: `${rounded(idle.p99)} ms`,
      target: '',
    },
    {
      what: 'the same in the flood',
      figure: `${rounded(flooded.p99)} ms`,
      target: `${kept ? 'reached' : 'missed'}: at most 50 ms and 5 times idle`,
    },
    { what: 'most memory in the flood', figure: `${Math.round(peakMemory)} MiB`, target: '' },
  ]
}

/** A table in Markdown. */
export function markdown(lines: Array<Record<string, string>>): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`
  const names = Object.keys(lines[0] ?? {})
  return [
    row(names),
    row(names.map((name) => (name === 'what' || name === 'target' ? '---' : '--:'))),
    ...lines.map((line) => row(Object.values(line))),
  ].join('\n')
}

function writeTables(file: string, text: string): void {
  const [before, after] = [/^[^]*<!-- bench -->\n/, /\n<!-- \/bench -->[^]*$/].map(
    (part) => part.exec(readFileSync(file, 'utf8'))?.[0],
  )
  if (before === undefined || after === undefined)
    throw new Error(`${file} has no place for the table`)
  writeFileSync(file, `${before}${text}${after}`)
}

function rounded(value: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString('en-US')
    : value.toFixed(value >= 10 ? 0 : 1)
}
