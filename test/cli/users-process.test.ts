import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase, goodPassword, onEachDatabase, query } from '../helper.js'
import { storedAccounts } from '../support/accounts.js'
import { runMain, startMain, startServer } from '../support/process.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const lines = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({ email: `p${index}@example.org`, password_hash: hash }),
  )

/** A migrated database, and how many accounts it has. */
async function setUp(t: Test, kind: DatabaseKind) {
  const env = { DATABASE_URL: await freshDatabase(t, kind), AUTO_MIGRATE: 'off' }
  // The file of SQLite is in the test's folder.
  const cwd = kind === 'sqlite' ? t.testdirName : t.testdir()
  await (await openStore(env.DATABASE_URL, { autoMigrate: true, clock: Date.now })).close()
  const count = async () => await storedAccounts(env.DATABASE_URL).count()
  return { env, cwd, count }
}

const command = (...args: string[]) => ({ args: ['users', ...args] })

await onEachDatabase(t, async (t, kind) => {
  await t.test('an import that is killed goes on with the same command', async (t) => {
    const { env, cwd, count } = await setUp(t, kind)
    const all = lines(4000)
    for (const [signal, from] of [
      ['SIGKILL', 0],
      ['SIGINT', 1500],
    ] as const) {
      const { child, ended } = startMain(t, cwd, { env, ...command('import', '-') })
      child.stdin.write(all.slice(0, from + 1200).join('\n'))
      while ((await count()) < from + 500) await wait(20)
      child.kill(signal)
      const { code, stderr } = await ended
      t.equal(code, signal === 'SIGINT' ? 130 : null)
      const [, line = '0'] = /^Interrupted after line (\d+): /.exec(stderr) ?? []
      t.equal(
        (await count()) % 500,
        Number(line) % 500,
        signal === 'SIGINT' ? 'what was read' : 'whole batches',
      )
    }
    writeFileSync(join(cwd, 'users.jsonl'), all.join('\n'))
    const before = await count()
    t.ok(before >= 2000 && before < 4000)
    t.match(await runMain(t, cwd, { env, ...command('import', 'users.jsonl') }), {
      code: 0,
      stdout: new RegExp(
        `^${4000 - before} imported, ${before} skipped \\(existing\\), 0 bad, in `,
      ),
      stderr: /^$/,
    })
    t.equal(await count(), 4000)
    const [{ n } = {}] = await query(
      env.DATABASE_URL,
      'SELECT count(DISTINCT email) AS n FROM users',
    )
    t.equal(Number(n), 4000, 'nothing doubled')
  })
})

t.test('while the server runs: create, log in, disable', async (t) => {
  const { env, cwd } = await setUp(t, 'sqlite')
  const server = await startServer(t, cwd, env)
  const login = async () =>
    (
      await fetch(`${server.url}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'ada@example.org', password: goodPassword }),
      })
    ).status
  t.equal(await login(), 401)
  t.match(
    await runMain(t, cwd, {
      env,
      ...command('create', 'ada@example.org', '--verified'),
      input: `${goodPassword}\n`,
    }),
    { code: 0, stdout: 'Created ada@example.org.\n', stderr: '' },
  )
  t.equal(await login(), 200)
  t.match(await runMain(t, cwd, { env, ...command('disable', 'ada@example.org') }), {
    code: 0,
    stdout: /^Disabled ada@example\.org\./,
  })
  t.equal(await login(), 403)
  t.match(await runMain(t, cwd, { env, ...command('list', '--json') }), {
    code: 0,
    stdout: /^\{"id":"[^"]+","email":"ada@example\.org",.*"disabled_at":"20[^"]+"\}\n$/,
  })
  t.equal(await server.stop('SIGTERM'), 0)
})

t.test('exit codes and messages', async (t) => {
  const env = { DATABASE_URL: await freshDatabase(t, 'postgresql') }
  const folder = t.testdir({ 'users.jsonl': `${lines(1)[0]}\nbad\n` })
  t.match(await runMain(t, folder, { env, ...command('list') }), {
    code: 1,
    stdout: '',
    stderr:
      /^The database lacks migrations: .* DATABASE_URL is PostgreSQL [^@]*\.\n.*npm run migrate\n$/,
  })
  t.equal((await runMain(t, folder, { env, args: ['migrate'] })).code, 0)
  const rows: Array<
    [args: string[], code: number, stdout: RegExp, stderr: RegExp, input?: string]
  > = [
    [['import', 'users.jsonl'], 1, /^1 imported, 0 skipped/, /^line 2: not JSON\n$/],
    [['import', 'none.jsonl'], 1, /^$/, /^The file cannot be opened \(ENOENT\)\.\n$/],
    [['create', 'eve@example.org'], 1, /^$/, /^The password is too weak \(/, 'password\n'],
    [['create', 'eve@example.org', '--password', 'secret'], 1, /^$/, /^Usage: npm run users /],
  ]
  for (const [args, code, stdout, stderr, input = ''] of rows) {
    const ended = await runMain(t, folder, { env, ...command(...args), input })
    t.match(ended, { code, stdout, stderr }, args.join(' '))
    t.notMatch(ended.stderr, /\n {4}at |secret/, 'no stack')
  }
})
