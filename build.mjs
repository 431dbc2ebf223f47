// Builds dist/ from src/: Prisma's clients, then one bundle. The bundle includes the pure libraries
// with hundreds of small modules: loading them would cost a third of the start-up time. Every other
// package stays external. `npm run typecheck` checks the types.
import { context } from 'esbuild'
import { cpSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import './prisma/generate.mjs'

const bundled = ['typebox', 'jose', 'validator']

/**
 * Prepares the build of the current folder. `build` can be called again after a change, and
 * then takes a fraction of the time. It prints the mistakes that it finds in src/, and rejects.
 * `close` ends esbuild.
 */
export async function openBuild() {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const external = Object.keys(dependencies)
    .filter((name) => !bundled.includes(name))
    .flatMap((name) => [name, `${name}/*`])
  const bundle = await context({
    entryPoints: { main: 'src/main.ts', 'strength-worker': 'src/passwords/strength-worker.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: true,
    external,
    metafile: true,
    // The same runtime as an ES module: Node reads a CommonJS module of this size twice.
    alias: { '@prisma/client/runtime/client': '@prisma/client/runtime/client.mjs' },
    logLevel: 'warning',
  })
  return {
    build: async () => {
      const { metafile } = await bundle.rebuild()

      // The estimator reads the list next to its own code.
      cpSync('src/passwords/common-passwords.txt', 'dist/common-passwords.txt')

      // Remove the output of earlier builds: its chunks have other names.
      const outputs = new Set(Object.keys(metafile.outputs))
      const stale = readdirSync('dist')
        .map((name) => `dist/${name}`)
        .filter((path) => /\.js(\.map)?$/.test(path) && !outputs.has(path))
      await Promise.allSettled(stale.map(unlink))
    },
    close: async () => await bundle.dispose(),
  }
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { build, close } = await openBuild()
  await build().finally(close)
}
