import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import argon2 from 'argon2'
import { loadConfig } from '../src/config.js'
import { buildProgram, startChild } from './child.js'
import { createPostgres, createSqlite } from './databases.js'
import { repeat, type Sample } from './sample.js'
import { median } from './statistics.js'
import { manyTokens, openSubject, type Scenarios, type Subject } from './subject.js'

/** The extent of a measurement. `settings` are added to RATE_LIMITS=off and LOG_LEVEL=info. */
export interface Extent {
  rounds: number
  seconds: number
  accounts: number
  databases: Array<'SQLite' | 'PostgreSQL'>
  coldTokens?: number
  settings?: Record<string, string>
}

/**
 * Every scenario by `<name>` or `<name>, <database>`: one sample for each round, and the peak
 * memory of each server, in MiB.
 */
export interface Measurements {
  samples: Record<string, Sample[]>
  memory: Record<string, number>
}

/** Scenarios that do not use the database: measured once. */
const withoutDatabase = /^GET \/claims/

/**
 * Measures all scenarios in turn, round by round, so that other load on the machine affects all
 * of them alike. A first short round warms up and is not counted.
 */
export async function measure({
  rounds,
  seconds,
  accounts,
  databases,
  coldTokens = manyTokens,
  settings = {},
}: Extent): Promise<Measurements> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  const closing: Array<() => Promise<void>> = []
  try {
    const program = await buildProgram('bare-app')
    const scenarios: Scenarios = { 'argon2 alone': argon2Alone(settings) }
    const subjects: Record<string, Subject> = {}
    for (const kind of databases) {
      const { url, remove } = await (kind === 'SQLite'
        ? createSqlite(join(folder, 'database'))
        : createPostgres())
      closing.push(remove)
      const subject = await openSubject(join(folder, kind), url, {
        accounts,
        coldTokens: kind === databases[0] ? coldTokens : 0,
        settings,
      })
      closing.push(subject.stop)
      subjects[kind] = subject
      if (kind === databases[0]) {
        for (const [name, argument] of [
          ['bare Fastify route', 'bare'],
          ['bare Fastify route with our log', 'logged'],
        ] as const) {
          const { url, stop } = await startChild(
            program,
            [argument],
            join(folder, `${argument}.log`),
          )
          closing.push(stop)
          scenarios[name] = subject.elsewhere(url)
        }
      }
      for (const [name, scenario] of Object.entries(subject.scenarios)) {
        if (!withoutDatabase.test(name)) scenarios[`${name}, ${kind}`] = scenario
        else if (kind === databases[0]) scenarios[name] = scenario
      }
    }
    const samples: Measurements['samples'] = Object.fromEntries(
      Object.keys(scenarios).map((name) => [name, []]),
    )
    for (let round = -1; round < rounds; round++) {
      for (const [name, scenario] of Object.entries(scenarios)) {
        const sample = await scenario(round < 0 ? Math.min(1, seconds * 0.7) : seconds)
        if (round >= 0) samples[name]?.push(sample)
      }
    }
    return {
      samples,
      memory: Object.fromEntries(
        Object.entries(subjects).map(([kind, { peakMemory }]) => [kind, peakMemory()]),
      ),
    }
  } finally {
    for (const close of closing.reverse()) await close()
    rmSync(folder, { recursive: true })
  }
}

/**
 * Returns the median over the rounds of the rate of one scenario divided by the rate of another
 * in the same round.
 */
export function ratio({ samples }: Measurements, name: string, to: string): number {
  return median(
    (samples[name] ?? []).map(
      ({ perSecond }, round) => perSecond / (samples[to]?.[round]?.perSecond ?? NaN),
    ),
  )
}

// With the parameters of the server, one hash at once for each core.
function argon2Alone(settings: Record<string, string>): Scenarios[string] {
  const config = loadConfig(settings)
  const options = {
    type: argon2.argon2id,
    memoryCost: config.ARGON2_MEMORY_KIB,
    timeCost: config.ARGON2_PASSES,
    parallelism: config.ARGON2_LANES,
    hashLength: 32,
  } as const
  return async (seconds) =>
    await repeat(
      seconds,
      availableParallelism(),
      async () => await argon2.hash('brass-lantern-under-the-stair', options),
    )
}
