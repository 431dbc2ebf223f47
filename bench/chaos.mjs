// `npm run chaos` breaks things around the built program and measures what its clients see:
// docs/reliability.md.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' })
await build({
  entryPoints: [
    'bench/chaos/run.ts',
    'bench/chaos/hold.ts',
    'bench/chaos/pg.ts',
    'bench/chaos/probe.ts',
  ],
  outdir: 'dist/bench/chaos',
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
})
await (await import('../dist/bench/chaos/run.js')).run(process.argv.slice(2))
