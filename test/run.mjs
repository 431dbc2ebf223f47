// The parts of `npm test`: `check` is everything but the tests, `app` runs those of the application
// with coverage, and `bench` those of the bench. `test:one <file> …` and `test:quick` run some of
// the tests, without coverage.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path/posix'
import { text } from 'node:stream/consumers'

const onSqlite = { TEST_DATABASES: 'sqlite' }

const parts = { check, one, app, bench, quick }

/** Lint takes as long as the others together. */
async function check() {
  const lanes = [['lint'], ['typecheck', 'format:check', 'lint:openapi']]
  // Both lanes need Prisma's clients.
  await import('../prisma/generate.mjs')
  const codes = await Promise.all(
    lanes.map(async (names) => {
      let worst = 0
      for (const name of names) {
        const child = spawn('npm', ['run', '-s', name], { stdio: ['ignore', 'pipe', 'pipe'] })
        const [out, err, [code]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, 'close'),
        ])
        if (code !== 0) console.error(`npm run ${name}: code ${code}\n${out}${err}`)
        worst ||= code ?? 1
      }
      return worst
    }),
  )
  return Math.max(...codes)
}

/** All tests but those of the bench, with the coverage that .taprc asks for. */
async function app() {
  const files = testFiles('test').filter((file) => !file.startsWith('test/bench/'))
  const shares = (file) => !isAlone(file) && !needsBrowser(file)
  const together = files.filter(shares)
  const count = Math.ceil(together.length / filesInGroup)
  const runs = [...files.filter((file) => !shares(file)), ...groups(together, count)]
  return await tap(runs, {}, ['--timeout=1800'])
}

async function one(files) {
  if (files.length > 0) return await tap(files)
  console.error('Name a test file: npm run test:one <file> …')
  return 1
}

/** The tests of the bench start databases of their own. */
async function bench() {
  return await tap(testFiles('test/bench'), onSqlite)
}

/** Tests that send thousands of requests, create many RSA keys, or compute slow hashes. */
const slow = [
  'account-limits.test.ts',
  'accounts-many.test.ts',
  'add-a-route.test.ts',
  'attempts-owner.test.ts',
  'attempts.test.ts',
  'devices.test.ts',
  'email-address.test.ts',
  'foreign.test.ts',
  'guard-claims.test.ts',
  'guard-keys.test.ts',
  'guard-memory.test.ts',
  'guard-tokens.test.ts',
  'limits.test.ts',
  'link-limits.test.ts',
  'only-the-address.test.ts',
  'overload.test.ts',
  'refresh-tokens.test.ts',
  'signup-limits.test.ts',
  'strength.test.ts',
  'users-import.test.ts',
]

/** Why `npm run test:quick` leaves a test file out; undefined if it does not. */
const reasons = [
  ['belongs to the bench', (file) => file.startsWith('test/bench/')],
  ['needs a browser', needsBrowser],
  [
    'starts processes',
    (file) => reaches(file, /'node:(child_process|cluster)'|\/(process|redis)\.js'/),
  ],
  [
    'needs PostgreSQL',
    (file) =>
      /\b(clusterUrl|makeCluster)\(|'postgresql'\)|: 'postgresql'|of databaseKinds/.test(
        readFileSync(file, 'utf8'),
      ),
  ],
  ['takes long', (file) => slow.includes(basename(file))],
]

function needsBrowser(file) {
  return reaches(file, /\/(browser|sites)\.js'/)
}

/** Whether a test file, or what it imports for itself, has a text. */
function reaches(file, pattern) {
  const content = readFileSync(file, 'utf8')
  if (pattern.test(content)) return true
  return [...content.matchAll(/from '(\.[^']+)\.js'/g)]
    .map(([, path]) => `${join(dirname(file), path)}.ts`)
    .filter((path) => path.startsWith('test/') && existsSync(path))
    .filter((path) => !shared.includes(basename(path)))
    .some((path) => reaches(path, pattern))
}

/** Nearly every test imports these. They start PostgreSQL only when asked. */
const shared = ['helper.ts', 'cluster.ts']

async function quick() {
  const begin = performance.now()
  const files = testFiles('test')
  const names = new Set(files.map((file) => basename(file)))
  const gone = slow.filter((name) => !names.has(name))
  if (gone.length > 0) throw new Error(`test/run.mjs names tests that are gone: ${gone.join()}`)
  const left = new Map()
  const kept = files.filter((file) => {
    const [reason] = reasons.find(([, holds]) => holds(file)) ?? []
    if (reason !== undefined) left.set(reason, [...(left.get(reason) ?? []), file])
    return reason === undefined
  })
  const together = kept.filter((file) => !isAlone(file))
  const runs = [...groups(together, availableParallelism()), ...kept.filter(isAlone)]
  const code = await tap(runs, onSqlite)

  const seconds = Math.round((performance.now() - begin) / 1000)
  const lists = [...left].map(([reason, names]) => `  ${reason}:\n    ${names.join('\n    ')}`)
  console.log(`
QUICK: ${kept.length} of ${files.length} test files, on SQLite alone, in ${seconds} s.
LEFT OUT: PostgreSQL, coverage, format, lint, types, the contract, and every file that
${lists.join('\n')}
Run \`npm test\` before you push.`)
  return code
}

/**
 * A file that keeps something until its process ends has a process of its own: it calls
 * `t.teardown`, or gives the test of the process to a function, at its top level.
 */
function isAlone(file) {
  const pattern = /^(t\.(?!test)|(?!await onEachDatabase)\S.*\w\(t[,)])/m
  return pattern.test(readFileSync(file, 'utf8'))
}

const groupStart = `import t from 'tap'
import { once } from 'node:events'

async function run(file) {
  t.comment(file)
  await import(file)
  if (!t.idle) await once(t, 'idle')
}

`

/** Enough that loading costs little, few enough that a failure is easily found. */
const filesInGroup = 8

/**
 * Divides test files into so many groups. Answers a file for each group, which imports them one
 * after the other: loading takes longer than most tests, so several files share a process.
 */
function groups(files, count) {
  const folder = '.tap/groups'
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return Array.from({ length: count }, (_, index) => {
    const own = files.filter((_, place) => place % count === index)
    const path = join(folder, `group-${index + 1}.test.mjs`)
    const imports = own.map((file) => `await run('../../${file}')\n`).join('')
    writeFileSync(path, groupStart + imports)
    return path
  })
}

function testFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
}

/** Runs tap with what test/before.ts prepares. Answers the exit code. */
async function tap(files, env = {}, options = ['--disable-coverage']) {
  const manifest = createRequire(import.meta.url).resolve('tap/package.json')
  const program = join(dirname(manifest), 'dist/esm/run.mjs')
  const args = [program, ...options, ...files]
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const [code] = await once(child, 'close')
  return code ?? 1
}

const [part = '', ...args] = process.argv.slice(2)
process.exitCode = await parts[part](args)
