import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { fileOf, packages } from './one-file.mjs'
import { startCluster } from './support/cluster.js'

/** Makes one file of a package, for the loader of the tests. */
async function bundle(name: string): Promise<void> {
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

const isGiven = process.env.TEST_DATABASE_URL !== undefined
const isWanted = process.env.TEST_DATABASES !== 'sqlite'

await Promise.all([
  // The tests of the process run what ships: the bundle. It is built outside of what coverage
  // counts.
  promisify(execFile)(process.execPath, ['build.mjs'], { env: { PATH: process.env.PATH ?? '' } }),
  ...packages.map(bundle),
  isWanted && !isGiven && startCluster(),
])
