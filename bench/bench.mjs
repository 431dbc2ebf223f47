// `npm run bench` measures the whole on the built program, `npm run bench -- <name> …` runs one of
// the other benches, with what follows its name.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'

const benches = {
  table: async (args) => {
    await bundle('load-process')
    await (await bundled('table')).run(args)
  },
  memory: async () => await (await bundled('memory')).run(),
  start: async () => await (await bundled('start')).run(),
  import: async () => await (await import('./import.mjs')).importUsers(),
  guard: async () => await (await bundled('guard')).run(),
  rotation: async (args) => await (await bundled('rotation')).run(args),
  flood: async (args) => {
    await bundle('load-process')
    await (await bundled('flood')).run(args)
  },
  neighbours: async (args) => {
    await bundle('load-process')
    await (await bundled('neighbours')).run(args)
  },
  admin: async (args) => await (await bundled('admin')).run(args),
  revocations: async (args) => await (await bundled('revocations')).run(args),
  scale: async (args) => await (await bundled('scale')).run(args),
  mail: async () => await (await bundled('mail')).run(),
  enumeration: async (args) => await (await bundled('enumeration')).run(args),
  estimator: async () => await (await bundled('estimator')).run(),
}

const [first = 'table', ...rest] = process.argv.slice(2)
const [wanted, args] = first.startsWith('--') ? ['table', [first, ...rest]] : [first, rest]
if (!Object.hasOwn(benches, wanted)) {
  console.error(`There is no bench "${wanted}". There are: ${Object.keys(benches).join(', ')}.`)
  process.exit(1)
}
execFileSync(process.execPath, ['build.mjs'], { stdio: 'inherit' })
await benches[wanted](args)

/** The module bench/<name>.ts. */
async function bundled(name) {
  await bundle(name)
  return await import(`../dist/bench/${name}.js`)
}

async function bundle(name) {
  await build({
    entryPoints: [`bench/${name}.ts`],
    outdir: 'dist/bench',
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning',
  })
}
