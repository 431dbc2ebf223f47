import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { backUp } from '../../src/cli/backup.js'
import { loadConfig } from '../../src/config.js'
import { openStore } from '../../src/store/open-store.js'
import { frozenNow, query } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migrate } from '../support/migrated.js'

const person = (email: string) => ({ email, passwordHash: 'x', name: null, emailVerified: false })
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** A folder with a database of three accounts that is open, and the command. */
async function setUp(t: Test, env: Record<string, string> = {}) {
  const folder = t.testdir()
  const url = await migrate(`file:${join(folder, 'data #1/users.db').replace(' #', '%20%23')}`)
  const store = await openStore(url, { autoMigrate: false, clock: Date.now })
  t.teardown(store.close)
  await store.accounts.createMany(['a', 'b', 'c'].map((name) => person(`${name}@example.org`)))
  const config = loadConfig({ DATABASE_URL: url, ...env })
  const run = async (...args: string[]) => {
    const terminal = fakeTerminal()
    await backUp(args, config, terminal, () => frozenNow)
    const { stdout, stderr } = await terminal.output()
    t.equal(stderr, '')
    t.equal(terminal.listenerCount('SIGINT') + terminal.listenerCount('SIGTERM'), 0)
    return stdout
  }
  return { folder, url, run, store, data: join(folder, 'data #1') }
}

const emailsOf = async (file: string) =>
  (await query(`file:${encodeURI(file).replaceAll('#', '%23')}`, 'SELECT email FROM users')).map(
    ({ email }) => email,
  )

t.test('copies an open database to a new private file', async (t) => {
  const { run, data, folder, url } = await setUp(t)
  const file = join(data, 'backup/latchkey-2026-01-02T03-04-05Z.db')
  t.equal(
    await run(),
    `Wrote ${file}: 3 accounts of SQLite ${url}. The copy passed its check.
A full restore also needs the signing keys: cp -p ${process.cwd()}/data/keys.json ${join(data, 'backup')}/
Both are secrets. Keep them on another machine, encrypted.\n`,
  )
  t.strictSame([mode(file), mode(join(data, 'backup'))], ['600', '700'])
  t.strictSame(await emailsOf(file), ['a@example.org', 'b@example.org', 'c@example.org'])
  const other = join(folder, "new/deep er/it's.db")
  t.match(await run(other), `Wrote ${other}: 3 accounts`)
  t.strictSame([mode(other), mode(join(folder, 'new'))], ['600', '700'])
  t.equal((await emailsOf(other)).length, 3)
  t.strictSame(readdirSync(join(folder, 'new/deep er')), ["it's.db"], 'no other file')
})

t.test('names the keys of the settings', async (t) => {
  const { run } = await setUp(t, { KEYS: '{"keys":[]}' })
  t.match(await run(), /needs the signing keys, which are in the setting KEYS\n/)
})

t.test('what exists is not overwritten', async (t) => {
  const { run, folder } = await setUp(t)
  const file = join(folder, 'there.db')
  writeFileSync(file, 'mine')
  chmodSync(file, 0o644)
  for (const path of [file, folder])
    await t.rejects(run(path), {
      name: 'CommandError',
      message: `${path} already exists. Nothing was changed.`,
    })
  t.strictSame([readFileSync(file, 'utf8'), mode(file)], ['mine', '644'])
})

t.test('a failure leaves no file', async (t) => {
  const { run, folder } = await setUp(t)
  writeFileSync(join(folder, 'file'), '')
  for (const [path, message] of [
    [join(folder, 'file/x.db'), /x\.db cannot be written \((ENOTDIR|EEXIST)\)\.$/],
    [join(folder, `${'x'.repeat(250)}.db`), /cannot be written \(ENAMETOOLONG\)\.$/],
  ] as const)
    await t.rejects(run(path), { name: 'CommandError', message })
  writeFileSync(join(folder, 'file'), 'not a database'.repeat(500))
  const damaged = loadConfig({ DATABASE_URL: `file:${join(folder, 'file')}` })
  await t.rejects(backUp([join(folder, 'copy.db')], damaged, fakeTerminal()), {
    name: 'CommandError',
    message: /^The database cannot be copied to .*copy\.db: .*SQLITE_/,
  })
  t.strictSame(readdirSync(folder).sort(), ['data #1', 'file'])
})

t.test('a database without accounts is no backup', async (t) => {
  const folder = t.testdir()
  const url = `file:${join(folder, 'other.db')}`
  await query(url, 'CREATE TABLE other (id TEXT)')
  const run = async (url: string) => {
    await backUp([], loadConfig({ DATABASE_URL: url }), fakeTerminal())
  }
  await t.rejects(run(url), { message: /has no accounts table\..*npm run migrate$/ })
  await query(url, 'CREATE TABLE users (id TEXT, email TEXT)')
  await t.rejects(
    run(url),
    { message: /has no accounts table\./ },
    'the table of another program has the same name',
  )
  t.strictSame(readdirSync(join(folder, 'backup')), [])
  await t.rejects(run(`file:${join(folder, 'none.db')}`), { message: /^There is no database / })
  await t.rejects(run('postgresql://ada:secret@localhost/x'), {
    name: 'CommandError',
    message:
      'DATABASE_URL is a PostgreSQL database. Back it up with: pg_dump --format=custom --file=latchkey.dump "$DATABASE_URL"',
  })
  await t.rejects(run('libsql://localhost'), {
    name: 'CommandError',
    message: /^DATABASE_URL is a remote libSQL database\. .* export --output accounts\.jsonl$/,
  })
  for (const args of [['a', 'b'], ['--help'], ['']])
    await t.rejects(backUp(args, loadConfig({ DATABASE_URL: url }), fakeTerminal()), {
      message: /^Usage: npm run backup -- \[file\]\n +or: node dist\/main\.js backup /,
    })
})

t.test('a copy that fails its check, and a signal, leave no file', async (t) => {
  const { folder, url } = await setUp(t)
  let copy: () => Promise<unknown> = async () => null
  const { backUp: mocked } = await t.mockImport<typeof import('../../src/cli/backup.js')>(
    '../../src/cli/backup.js',
    {
      '../../src/store/copy-database.js': {
        CopyError: class extends Error {},
        copyDatabase: async () => await copy(),
      },
    },
  )
  const terminal = fakeTerminal()
  const run = async () => {
    await mocked([join(folder, 'copy.db')], loadConfig({ DATABASE_URL: url }), terminal)
  }
  copy = async () => ({ accounts: null, report: 'row 1 missing from index' })
  await t.rejects(run(), {
    name: 'CommandError',
    message: /^The copy did not pass its check: row 1 missing from index\. /,
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    copy = async () => {
      setImmediate(() => terminal.emit(signal, signal))
      return { accounts: 3, report: 'ok' }
    }
    await t.rejects(run(), { message: 'Interrupted. No backup was written.' })
  }
  copy = async () => {
    throw new TypeError('a fault of ours')
  }
  await t.rejects(run(), { name: 'TypeError' })
  t.strictSame(readdirSync(folder), ['data #1'])
})
