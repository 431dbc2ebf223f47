import { readFileSync, writeFileSync } from 'node:fs'
import { crashes } from './crashes.js'
import type { Experiment, Row } from './experiment.js'
import { failover } from './failover.js'
import { hostile } from './hostile.js'
import { postgresFaults } from './postgresql-faults.js'
import { withTables } from './report.js'
import { restarts } from './restarts.js'
import { sqliteFaults } from './sqlite-faults.js'

/** Every experiment, in the order of the table. */
const experiments: Experiment[] = [
  sqliteFaults,
  postgresFaults,
  crashes,
  failover,
  restarts,
  hostile,
]

const documentPath = 'docs/reliability.md'

/**
 * Runs the experiments and prints their rows. The exit code is 1 if a promise was broken.
 *
 * @param args `--quick`, `--control`, `--write`, `--only <name>`, `--rounds <number>`
 */
export async function run(args: string[]): Promise<void> {
  const has = (flag: string) => args.includes(flag)
  const after = (flag: string) => (has(flag) ? args[args.indexOf(flag) + 1] : undefined)
  const only = after('--only')
  const rounds = after('--rounds')
  const chosen = only !== undefined ? experiments.filter(({ name }) => name === only) : experiments
  if (chosen.length === 0)
    throw new Error(
      `Unknown experiment "${only}". Experiments: ${experiments.map(({ name }) => name).join(', ')}.`,
    )
  const begin = performance.now()
  const progress = (line: string) => {
    console.log(`${Math.round((performance.now() - begin) / 1000)} s  ${line}`)
  }
  const results: Array<{ experiment: Experiment; rows: Row[] }> = []
  for (const experiment of chosen) {
    const rows = await experiment.run({
      quick: has('--quick'),
      control: has('--control'),
      rounds: rounds === undefined ? undefined : Number(rounds),
      progress,
    })
    results.push({ experiment, rows })
    // Write after each experiment, so that an interrupted run keeps its results.
    if (has('--write'))
      writeFileSync(documentPath, withTables(readFileSync(documentPath, 'utf8'), experiment, rows))
    console.log(`\n${experiment.name}: ${experiment.promise}`)
    console.table(
      Object.fromEntries(
        rows.map(({ what, kept, figures }, index) => [
          `${index + 1} ${what}`,
          { kept, ...figures },
        ]),
      ),
    )
  }
  const broken = results.flatMap(({ rows }) => rows).filter(({ kept }) => !kept)
  console.log(
    JSON.stringify({
      date: new Date().toISOString(),
      node: process.version,
      args,
      results: results.map(({ experiment: { name }, rows }) => ({ name, rows })),
    }),
  )
  console.log(
    broken.length === 0
      ? 'every promise was kept'
      : `broken: ${broken.map(({ what }) => what).join('; ')}`,
  )
  process.exitCode = broken.length === 0 ? 0 : 1
}
