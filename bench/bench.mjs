// `npm run bench` runs every bench on the built program, `npm run bench -- <name> …` one of them. A bench is bench/<name>.ts, whose `run` gets what follows its name.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

const benches = [
  'start',
  'rotation'
]

const [wanted, ...args] = process.argv.slice(2)
if (wanted !== undefined && !benches.includes(wanted)) {
  console.error(`There is no bench "${wanted}". There are: ${benches.join(', ')}.`)
  process.exit(1)
}
execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' })
for (const name of wanted === undefined ? benches : [wanted]) {
  await build({ entryPoints: [`bench/${name}.ts`], outdir: 'dist/bench', bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'warning' })
  const { run } = await import(`../dist/bench/${name}.js`)
  await run(args)
}
