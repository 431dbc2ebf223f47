import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { projectFile } from '../helper.js'

const app = 'src/app.ts'

/** The tests that a new route could break: those that look at all routes, or at all files. */
const tests = [
  'test/routes.test.ts',
  'test/architecture.test.ts',
  'test/api/docs/contract.test.ts',
  'test/api/docs/docs.route.test.ts',
  'test/http/compilers.test.ts',
  'test/http/guard-routes.test.ts',
]

/** What README.md says of its route. */
const helloTest = `import t from 'tap'
import { buildTestApp, problem } from '../../helper.js'

t.test('the route of README.md is behind the guard', async (t) => {
  const { call, signup } = await buildTestApp(t)
  problem(t, await call('GET', '/hello'), 401, 'missing_token')
  const { access_token: token, user } = await signup()
  t.strictSame((await call('GET', '/hello', { token })).json(), { hello: user.id })
})
`

/** A copy of the project, without what is built or installed. */
function copyProject(folder: string): void {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  for (const file of list.split('\n').filter(Boolean)) cpSync(file, join(folder, file))
  for (const built of ['src/store/generated', 'prisma/derived'])
    cpSync(built, join(folder, built), { recursive: true })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
}

/**
 * Follows a text: writes the files whose name is in the first line of a block, and adds the
 * imports and the lines of the map to src/app.ts. Returns the names of the files.
 */
function follow(folder: string, text: string): string[] {
  const blocks = [...text.matchAll(/```ts\n([^]*?)```/g)].map(([, code = '']) => code)
  const names = blocks.flatMap((code) => {
    const [, name] = /^\/\/ ((?:src|test)\/\S+)\n/.exec(code) ?? []
    if (name === undefined) return []
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), code)
    return [name]
  })
  const path = join(folder, app)
  let map = readFileSync(path, 'utf8')
  for (const [line] of text.matchAll(/import \{ \w+ \} from '\.\/api\/[^']+'/g))
    map = map.replace(/^import .* from '\.\/api\//m, (first) => `${line}\n${first}`)
  for (const [line] of text.matchAll(/'(GET|POST) \/\w+': \w+,/g))
    map = map.replace("    'GET /claims'", (first) => `    ${line}\n${first}`)
  writeFileSync(path, map)
  return names
}

t.test('the routes of README.md and docs/add-a-route.md leave the suite green', async (t) => {
  const folder = t.testdir()
  copyProject(folder)
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, TEST_DATABASES: 'sqlite' }
  const run = async (...args: string[]) =>
    await promisify(execFile)(process.execPath, args, { cwd: folder, env }).then(
      () => '',
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    )

  const written = [
    ...follow(folder, await projectFile('README.md')),
    ...follow(folder, await projectFile('docs/add-a-route.md')),
  ]
  t.strictSame(written, [
    'src/api/hello/hello.route.ts',
    'src/api/greeting/greeting.ts',
    'src/api/greeting/greeting.route.ts',
    'test/api/greeting/greeting.test.ts',
  ])
  mkdirSync(join(folder, 'test/api/hello'))
  writeFileSync(join(folder, 'test/api/hello/hello.test.ts'), helloTest)

  const files = [app, ...written]
  const bin = 'node_modules/prettier/bin/prettier.cjs'
  t.equal(await run(bin, '--check', ...files), '', 'npm run format changes nothing')
  t.equal(await run('start.mjs', 'openapi'), '', 'npm run openapi')
  t.match(readFileSync(join(folder, 'openapi.yaml'), 'utf8'), /^ {2}\/greeting:$/m)
  t.equal(await run('docs/postman/write.mjs'), '', 'npm run postman')
  t.match(
    readFileSync(join(folder, 'docs/latchkey.postman_collection.json'), 'utf8'),
    /"name": "More"[^]*the status is 200[^]*"\{\{baseUrl\}\}\/greeting"[^]*"name": "Log out and delete"/,
  )
  const config = { extends: './tsconfig.json', include: files }
  writeFileSync(join(folder, 'tsconfig.new.json'), JSON.stringify(config))
  // One process for all of them: loading takes longer than running.
  mkdirSync(join(folder, '.tap'), { recursive: true })
  const group = tests.map((file) => `await import('../${file}')\n`).join('')
  writeFileSync(join(folder, '.tap/group.test.mjs'), group)
  const own = ['test/api/greeting/greeting.test.ts', 'test/api/hello/hello.test.ts']
  const [types, tested] = await Promise.all([
    run('node_modules/typescript/bin/tsc', '--project', 'tsconfig.new.json'),
    run('test/run.mjs', 'one', '.tap/group.test.mjs', ...own),
  ])
  t.strictSame({ types, tested }, { types: '', tested: '' })
})
