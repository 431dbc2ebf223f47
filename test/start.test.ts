import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { goodPassword } from './helper.js'
import { freePort } from './support/cluster.js'
import { post, runMain, startMain, startServer } from './support/process.js'

const run = promisify(execFile)

/** Removes what the test runner adds to every process: it would count the lines of the bundle. */
const withoutRunner = ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE']

/** Returns the modes of all files below a folder, in octal. */
function modesOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [
        name,
        (statSync(join(parentPath, name)).mode & 0o777).toString(8),
      ]),
  )
}

t.test('only the owner can read what the server and the commands write', async (t) => {
  const folder = t.testdir()
  const server = await startServer(t, folder, { LOG_LEVEL: 'info' })
  await post(`${server.url}/signup`, { email: 'ada@example.org', password: goodPassword })
  const outbox = join(folder, 'data/outbox')
  while (!server.lines().some(({ msg }) => msg === 'no SMTP_URL: wrote the mail to a file'))
    await wait(50)
  const written = { ...modesOf(join(folder, 'data')) }
  t.strictSame(
    Object.keys(written)
      .filter((name) => !name.endsWith('.eml'))
      .sort(),
    ['keys.json', 'latchkey.db', 'latchkey.db-migrating', 'latchkey.db-shm', 'latchkey.db-wal'],
  )
  t.equal(readdirSync(outbox).length, 1)
  t.strictSame([...new Set(Object.values(written))], ['600'])
  t.equal(await server.stop('SIGTERM'), 0)
  t.notOk(
    server.lines().some(({ level }) => Number(level) >= 40),
    'no warning',
  )

  const exported = await runMain(t, folder, { args: ['users', 'export', '--output', 'all.jsonl'] })
  t.equal(exported.code, 0, exported.stderr)
  t.equal(modesOf(folder)['all.jsonl'], '600')
  await runMain(t, folder, { args: ['migrate'], env: { DATABASE_URL: 'file:./new/new.db' } })
  t.equal(modesOf(folder)['new.db'], '600')
})

t.test('files that others can read are warned of', async (t) => {
  const folder = t.testdir()
  await (await startServer(t, folder)).stop('SIGTERM')
  await run('chmod', ['644', join(folder, 'data/latchkey.db'), join(folder, 'data/keys.json')])
  const server = await startServer(t, folder)
  await server.stop('SIGTERM')
  t.match(
    server
      .lines()
      .filter(({ level }) => level === 40)
      .map(({ msg }) => String(msg)),
    [
      './data/keys.json can be read by other users of this machine: chmod 600 ./data/keys.json',
      './data/latchkey.db can be read by other users of this machine: chmod 600 ./data/latchkey.db',
    ],
  )
})

t.test('settings that will be missed are warned of once, and stop nothing', async (t) => {
  const folder = t.testdir({ '.env': '\ufeffPUBLIC_ULR=https://a.example\nDOCS=off\n' })
  const [port, hosts] = [String(await freePort()), { HOST: '0.0.0.0', WORKERS: '2' }]
  const server = await startServer(t, folder, { PORT: port, ...hosts })
  await server.stop('SIGTERM')
  const warnings = server
    .lines()
    .filter(({ level }) => level === 40)
    .map(({ msg }) => String(msg))
  t.match(warnings.slice(0, 3), [
    'PUBLIC_ULR is not a setting; is it PUBLIC_URL?',
    /^PUBLIC_URL is not set: /,
    /^SMTP_URL is not set: /,
  ])
  t.equal(warnings.filter((text) => text.startsWith('PUBLIC_URL is not set')).length, 1)
  t.match(server.lines().at(-1), {})
  const command = await runMain(t, folder, { args: ['migrate'] })
  t.strictSame(
    [command.code, command.stderr],
    [0, 'Warning: PUBLIC_ULR is not a setting; is it PUBLIC_URL?\n'],
  )
})

t.test('a .env that is not text stops the server and the commands', async (t) => {
  const folder = t.testdir()
  writeFileSync(join(folder, '.env'), Buffer.from('\ufeffPORT=1\n', 'utf16le'))
  for (const args of [[], ['migrate'], ['users', 'list']]) {
    const { code, stderr } = await runMain(t, folder, { args })
    t.match([code, stderr], [1, /^\.env is not UTF-8 text\. .+\n$/], args.join(' '))
  }
  t.strictSame(readdirSync(folder), ['.env'], 'no other database is created')
})

t.test('a signal while the server starts ends it with exit code 0', async (t) => {
  // A database that accepts the connection and never answers: the start waits for it.
  const database = createServer()
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve))
  const { port } = database.address() as AddressInfo
  const { child, ended } = startMain(t, t.testdir(), {
    args: [],
    env: { DATABASE_URL: `postgresql://u:p@127.0.0.1:${port}/d` },
  })
  const [socket] = (await once(database, 'connection')) as [Socket]
  socket.on('error', () => {})
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  t.equal(code, 0)
  t.notMatch(stdout, /Latchkey serves/)
  socket.destroy()
  database.close()
})

t.test('npm start: a signal to the whole group lets running requests finish', async (t) => {
  const folder = t.testdir()
  cpSync('package.json', join(folder, 'package.json'))
  cpSync('start.mjs', join(folder, 'start.mjs'))
  for (const name of ['dist', 'node_modules', 'prisma'])
    symlinkSync(resolve(name), join(folder, name))
  const port = String(await freePort())
  const { PATH = '', HOME = '' } = process.env
  const npm = spawn('env', [...withoutRunner, 'npm', 'start'], {
    cwd: folder,
    env: { PATH, HOME, PORT: port, ARGON2_PASSES: '40' },
    detached: true,
  })
  let log = ''
  npm.stdout.on('data', (chunk) => {
    log += String(chunk)
  })
  t.teardown(() => {
    try {
      process.kill(-(npm.pid ?? 0), 'SIGKILL')
    } catch {}
  })
  while (!log.includes('Latchkey serves')) await wait(50)
  // A login takes long enough to be under way when the signals arrive.
  const login = post(`http://localhost:${port}/login`, {
    email: 'ada@example.org',
    password: goodPassword,
  })
  await wait(200)
  process.kill(-(npm.pid ?? 0), 'SIGTERM')
  t.equal((await login).status, 401, 'the request gets its reply')
  await once(npm, 'close')
  t.match(log, /SIGTERM: finishing running requests/)
  t.notMatch(log, /second SIGTERM/)
})

t.test('npm start without dist/ and without the packages that build it', async (t) => {
  // Not below this project, whose packages would be found.
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  t.teardown(() => {
    rmSync(folder, { recursive: true })
  })
  cpSync('start.mjs', join(folder, 'start.mjs'))
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/main.ts'), '')
  const { code, stderr } = (await run(process.execPath, ['start.mjs'], { cwd: folder }).catch(
    (error: { code: number; stderr: string }) => error,
  )) as { code: number; stderr: string }
  t.equal(code, 1)
  t.match(stderr, /^dist\/ is missing.+ Run "npm ci --include=dev && npm run build"\..+\n$/)
})

t.test('an old Node.js gets a sentence from the program and from npm start', async (t) => {
  const old = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.3'}})`
  for (const file of ['dist/main.js', 'start.mjs']) {
    const ended = await run('env', [
      ...withoutRunner,
      process.execPath,
      '--import',
      `data:text/javascript,${old}`,
      file,
    ]).catch((error: unknown) => error)
    t.match(
      ended,
      {
        code: 1,
        stdout: '',
        stderr: /^Latchkey needs Node\.js 20\.19 or newer\. This is 20\.18\.3: .+\n$/,
      },
      file,
    )
  }
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: object }
  t.strictSame(engines, { node: '>=20.19.0' })
})

t.test('the entry loads no package before it has checked the version of Node.js', async (t) => {
  const waiting = ['main.js']
  const imported = new Set<string>()
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const text = readFileSync(join('dist', file), 'utf8')
    for (const [, path = ''] of text.matchAll(/^(?:import|export)\b[^;]*?"([^"]+)";/gm)) {
      imported.add(path)
      if (path.startsWith('./')) waiting.push(path)
    }
  }
  t.strictSame(
    [...imported].filter((path) => !path.startsWith('./chunk-')),
    [],
  )
})
