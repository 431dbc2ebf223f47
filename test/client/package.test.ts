import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import t from 'tap'

const folder = t.testdir()
const run = (program: string, args: string[], cwd: string) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

// In a copy: other tests read the package at the same time.
const source = join(folder, 'client')
cpSync('client', source, { recursive: true, filter: (path) => !/[\\/]dist$/.test(path) })
run('npm', ['run', '-s', 'build'], source)
const [packed] = JSON.parse(
  run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], source),
) as [{ filename: string; files: Array<{ path: string }> }]
const tarball = join(folder, packed.filename)

t.test('the package has code, types, a README and the licence, and nothing else', async (t) => {
  const paths = packed.files.map(({ path }) => path)
  for (const path of ['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE', 'package.json'])
    t.ok(paths.includes(path), path)
  t.strictSame(
    paths.filter(
      (path) => !/^(dist\/[a-z]+\.(d\.ts|js)|README\.md|LICENSE|package\.json)$/.test(path),
    ),
    [],
  )
  const manifest = JSON.parse(readFileSync('client/package.json', 'utf8'))
  const own = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'])
    t.equal(manifest[kind], undefined, `no ${kind}`)
  t.equal(manifest.license, own.license)
  t.equal(readFileSync('client/LICENSE', 'utf8'), readFileSync('LICENSE', 'utf8'))
})

t.test('publint finds nothing', async (t) => {
  const { messages, pkg } = await publint({
    pkgDir: source,
    level: 'suggestion',
    strict: true,
  })
  t.strictSame(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  )
})

t.test('the types are right for every resolver that can load ES modules', async (t) => {
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  t.ok(analysis.types !== false, 'there are types')
  const { problems = [] } = analysis as {
    problems?: Array<{ kind: string; resolutionKind?: string }>
  }
  // A CommonJS file uses a dynamic import.
  t.strictSame(
    problems.filter(({ kind }) => kind !== 'CJSResolvesToESM'),
    [],
  )
})

t.test('an installed package works where there is no page', async (t) => {
  const app = join(folder, 'app')
  mkdirSync(app)
  run('npm', ['init', '-y'], app)
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], app)
  const script = `
    import { createLatchkey, LatchkeyError } from 'latchkey-client'
    const results = []
    for (const storage of ['memory', 'local', 'cookie', 'dpop']) {
      const auth = createLatchkey({ url: 'http://127.0.0.1:9', storage })
      results.push(auth.user)
      await auth.ready
      results.push(auth.user)
      await auth.login({ email: 'a@example.org', password: 'b' }).catch((error) => {
        results.push(error instanceof LatchkeyError && error.code)
      })
    }
    console.log(JSON.stringify(results))`
  const out = run(process.execPath, ['--input-type=module', '-e', script], app)
  t.strictSame(JSON.parse(out), [
    ...[null, null, 'network'],
    ...[null, null, 'network'],
    ...[null, null, 'network'],
    ...[null, null, 'insecure_context'],
  ])
})

t.test('the client is at most 5 KB, minified and compressed', async (t) => {
  const { outputFiles } = await build({
    entryPoints: ['client/src/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).byteLength
  t.ok(bytes > 1000 && bytes <= 5 * 1024, `${bytes} bytes`)
})
