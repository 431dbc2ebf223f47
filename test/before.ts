import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { fileOf, packages } from './one-file.mjs'
import { startCluster } from './support/cluster.js'

// The tests of the process run what ships: the bundle. It is built outside of what coverage counts.
execFileSync(process.execPath, ['build.mjs'], {
  stdio: 'inherit',
  env: { PATH: process.env.PATH ?? '' },
})
for (const name of packages) {
  const { dependencies = {} } = JSON.parse(
    readFileSync(`node_modules/${name}/package.json`, 'utf8'),
  ) as { dependencies?: Record<string, string> }
  await build({
    entryPoints: [name],
    outfile: fileURLToPath(fileOf(name)),
    bundle: true,
    external: Object.keys(dependencies),
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  })
}
if (process.env.TEST_DATABASE_URL === undefined) await startCluster()
