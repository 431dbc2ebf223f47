// Measures whether the API gets slower with many accounts: the same requests of random accounts at
// 10, 10,000 and 1,000,000 accounts, on SQLite and on PostgreSQL. The servers of one database run
// beside each other, and each kind of request is sent to one after the other, round by round.
// `npm run bench -- scale --accounts=10,10000,1000000 --rounds=5 --seconds=2` are the defaults, and
// `--on=SQLite` measures one of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createPostgres, createSqlite } from './databases.js'
import type { Sample } from './sample.js'
import { openScaleSubject, type ScaleSubject } from './scale-subject.js'
import { median } from './statistics.js'

/** The least ratio of the rate with the most accounts to the rate with the fewest. */
export const leastRatio = 0.85

/** The figures of a database with one number of accounts. */
export interface ScaleFigures {
  /** The samples of each kind of request, a round each. */
  samples: Record<string, Sample[]>
  /** The durations in seconds, and the memory in MiB. */
  once: Record<string, number>
}

/** The extent of a measurement. */
export interface ScaleExtent {
  sizes: number[]
  rounds: number
  seconds: number
}

const databases = { SQLite: createSqlite, PostgreSQL: createPostgres } as const

/** Prints the tables of each database. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      accounts: { type: 'string', default: '10,10000,1000000' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      on: { type: 'string', default: 'SQLite,PostgreSQL' },
    },
  })
  for (const kind of ['SQLite', 'PostgreSQL'] as const) {
    if (!values.on.split(',').includes(kind)) continue
    const figures = await measureScale(kind, {
      sizes: values.accounts.split(',').map(Number),
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
    })
    console.log(kind)
    console.table(toTables(figures).rates)
    console.table(toTables(figures).once)
  }
}

/**
 * Imports accounts into empty databases of one kind, and measures all of them in turn.
 *
 * @returns the figures by the number of accounts
 */
export async function measureScale(
  kind: keyof typeof databases,
  { sizes, rounds, seconds }: ScaleExtent,
): Promise<Record<number, ScaleFigures>> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const closing: Array<() => Promise<void>> = []
  try {
    const subjects: Array<{ size: number; subject: ScaleSubject; figures: ScaleFigures }> = []
    for (const size of sizes) {
      const place = join(folder, String(size))
      const { url, remove } = await databases[kind](join(place, 'database'))
      closing.push(remove)
      const subject = await openScaleSubject(place, url, size)
      closing.push(subject.stop)
      subjects.push({ size, subject, figures: { samples: {}, once: subject.once } })
    }
    for (let round = -1; round < rounds; round++)
      for (const name of subjects[0]?.subject.names ?? [])
        // Each is the first as often as the others.
        for (const { subject, figures } of rotated(subjects, round + 1)) {
          const sample = await subject.send(name, round < 0 ? Math.min(1, seconds) : seconds)
          if (round >= 0) (figures.samples[name] ??= []).push(sample)
        }
    for (const { subject, figures } of subjects)
      figures.once['server, peak memory in MiB'] = subject.peakMemory()
    return Object.fromEntries(subjects.map(({ size, figures }) => [size, figures]))
  } finally {
    for (const close of closing.reverse()) await close()
    rmSync(folder, { recursive: true })
  }
}

/**
 * Returns the rates with their ratios, and the other figures, as tables by the number of
 * accounts.
 */
export function toTables(figures: Record<number, ScaleFigures>): {
  rates: Record<string, Record<string, string>>
  once: Record<string, Record<string, string>>
} {
  const sizes = Object.keys(figures).map(Number)
  const [fewest, most] = [figures[Math.min(...sizes)], figures[Math.max(...sizes)]]
  const columns = (cell: (one: ScaleFigures) => string) =>
    Object.fromEntries(
      sizes.map((size) => [size.toLocaleString('en-US'), cell(figures[size] as ScaleFigures)]),
    )
  const rate = (one: ScaleFigures, name: string) =>
    median((one.samples[name] ?? []).map(({ perSecond }) => perSecond))
  return {
    rates: Object.fromEntries(
      Object.entries(fewest?.samples ?? {}).map(([name, base]) => {
        // Both were measured within some seconds, so the load of the machine was alike.
        const ratio = median(
          (most?.samples[name] ?? []).map(
            ({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? NaN),
          ),
        )
        return [
          name,
          {
            ...columns((one) => `${rate(one, name).toFixed(rate(one, name) < 100 ? 1 : 0)}/s`),
            ratio: ratio.toFixed(2),
            target: `${ratio >= leastRatio ? 'reached' : 'missed'}: ${leastRatio}`,
          },
        ]
      }),
    ),
    once: Object.fromEntries(
      Object.keys(fewest?.once ?? {}).map((name) => [
        name,
        columns((one) => Number(one.once[name]).toFixed(1)),
      ]),
    ),
  }
}

function rotated<T>(list: T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length] as T)
}
