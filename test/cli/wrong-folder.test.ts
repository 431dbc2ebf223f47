import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { freshDatabase, goodPassword, query } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migrate } from '../support/migrated.js'
import { runMain } from '../support/process.js'

const someone = 'ada@example.org'
const commands = [
  ['list'],
  ['list', '--json'],
  ['export'],
  ['export', '--output', 'out.jsonl'],
  ['import', '-'],
  ['create', someone],
  ['disable', someone],
  ['enable', someone],
  ['logout', someone],
  ['delete', someone, '--yes'],
  ['set-email', someone, 'new@example.org'],
]

const run = async (args: string[], env: Record<string, string>) =>
  await users(args, loadConfig(env), fakeTerminal({ input: `${goodPassword}\n` }))

t.test('without its database, every command refuses and creates none', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'data/latchkey.db')
  const env = existsSync('.env') ? 'where it reads .env' : 'which has no .env'
  for (const args of commands)
    await t.rejects(
      run(args, { DATABASE_URL: `file:${path}?x=1` }),
      {
        name: 'CommandError',
        message: `There is no database ${path}.
DATABASE_URL is file:${path}, and this command runs in ${process.cwd()}, ${env}.
Run the command in the folder of the server, with the same settings. The first start of the server creates the database. To create it now, run: npm run migrate`,
      },
      args.join(' '),
    )
  t.strictSame(readdirSync(folder), [])
})

t.test('a database without the tables is refused and stays as it is', async (t) => {
  const folder = t.testdir({ 'empty.db': '' })
  const other = `file:${join(folder, 'other.db')}`
  await query(other, 'CREATE TABLE users (id TEXT)')
  await query(other, 'PRAGMA journal_mode = DELETE')
  const names = ['empty.db', 'other.db'].map((name) => join(folder, name))
  const before = names.map((name) => readFileSync(name, 'latin1'))
  const [empty = '', foreign = ''] = names
  for (const args of commands) {
    await t.rejects(run(args, { DATABASE_URL: `file:${empty}`, AUTO_MIGRATE: 'on' }), {
      name: 'CommandError',
      message: new RegExp(
        `^The database lacks migrations: 0001_init, .*\\. DATABASE_URL is file:${empty}\\.\\n.*run: npm run migrate$`,
      ),
    })
    await t.rejects(run(args, { DATABASE_URL: `file:${foreign}`, AUTO_MIGRATE: 'on' }), {
      name: 'DatabaseError',
      message: /other\.db has the tables of another program \(users\), and none of Latchkey\. /,
    })
  }
  t.strictSame(
    names.map((name) => readFileSync(name, 'latin1')),
    before,
  )
  const postgresql = await freshDatabase(t, 'postgresql')
  await t.rejects(run(['list'], { DATABASE_URL: postgresql, AUTO_MIGRATE: 'on' }), {
    message: /DATABASE_URL is PostgreSQL postgresql:\/\/[^@]*\.\n.*npm run migrate$/,
  })
})

t.test('a fault of the database stays what it is', async (t) => {
  const file = join(t.testdir({ 'x.db': 'not a database at all'.repeat(100) }), 'x.db')
  await t.rejects(run(['list'], { DATABASE_URL: `file:${file}` }), { code: 'unavailable' })
})

t.test('as processes: the wrong folder, then the right one', async (t: Test) => {
  const folder = t.testdir({ right: { '.env': 'DATABASE_URL=file:./my.db\n' }, wrong: {} })
  const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')]
  const main = async (cwd: string, ...args: string[]) => await runMain(t, cwd, { args })
  for (const [args, path] of [
    [['users', 'list'], 'data/latchkey.db'],
    [['keys', 'list'], 'data/keys.json'],
    [['keys', 'rotate'], 'data/keys.json'],
  ] as const) {
    const ended = await main(wrong, ...args)
    t.match(ended, { code: 1, stdout: '' }, args.join(' '))
    t.ok(ended.stderr.startsWith('There is no '), ended.stderr)
    t.ok(ended.stderr.includes(` ${join(wrong, path)}.\n`), 'the path')
    t.ok(ended.stderr.includes(`runs in ${wrong}, which has no .env`), 'the folder')
    t.equal(ended.stderr.split('\n').length, 4, 'three lines')
  }
  t.match(await main(right, 'users', 'list'), {
    code: 1,
    stderr:
      /DATABASE_URL is file:\.\/my\.db, and this command runs in .*right, where it reads \.env/,
  })
  t.strictSame(readdirSync(wrong), [])
  t.strictSame(readdirSync(right), ['.env'])

  t.equal((await main(right, 'migrate')).code, 0)
  t.equal((await main(right, 'users', 'list')).code, 0)
  t.equal((await main(right, 'keys', 'create')).code, 0)
  t.equal((await main(right, 'keys', 'list')).code, 0)
  t.ok(existsSync(join(right, 'my.db')))
  t.equal(statSync(join(right, 'data/keys.json')).mode & 0o777, 0o600)
  writeFileSync(join(right, '.env'), '')
  t.equal((await main(right, 'users', 'list')).code, 1, 'another database by another setting')
})

t.test('an earlier schema is refused, whatever AUTO_MIGRATE says', async (t) => {
  const url = await migrate(`file:${join(t.testdir(), 'x.db')}`)
  await query(url, "DELETE FROM _prisma_migrations WHERE migration_name LIKE '0002%'")
  await t.rejects(run(['list'], { DATABASE_URL: url }), {
    message: /^The database lacks migrations: 0002_email_history\. /,
  })
})
