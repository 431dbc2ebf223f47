import { fork } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { connect, parseDatabaseUrl } from '../../src/store/database.js'
import { openStore } from '../../src/store/open.js'
import { freshDatabase, query } from '../helper.js'

const options = { autoMigrate: true, clock: () => 0 }
const person = { email: 'ada@example.org', passwordHash: 'h', name: null }

t.test('the connection is durable, keeps references, waits for others; the file is in WAL mode', async (t: Test) => {
  const url = await freshDatabase(t, 'sqlite')
  await (await openStore(url, options)).close()
  const client = await connect(parseDatabaseUrl(url))
  const pragma = async (name: string) => (await client.$queryRawUnsafe<Array<Record<string, unknown>>>(`PRAGMA ${name}`)).flatMap((row) => Object.values(row)).map(String)
  const settings = Object.fromEntries(await Promise.all(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map(async (name) => [name, await pragma(name)])))
  await client.$disconnect()
  t.strictSame(settings, { journal_mode: ['wal'], synchronous: ['2'], foreign_keys: ['1'], busy_timeout: ['1000'] })
})

t.test('a write waits for the one of another process', async (t: Test) => {
  const url = await freshDatabase(t, 'sqlite')
  const store = await openStore(url, options)
  t.teardown(store.close)
  const other = fork(fileURLToPath(new URL('fixtures/hold-write-lock.ts', import.meta.url)), [url, '300'], { stdio: 'inherit' })
  await once(other, 'message')
  const start = performance.now()
  const [account] = await Promise.all([store.accounts.create(person), once(other, 'exit')])
  t.match(account, person)
  t.ok(performance.now() - start > 100, 'it did have to wait')
  t.strictSame(await query(url, 'SELECT email FROM users'), [{ email: person.email }])
})

t.test('after a write that gave up waiting, what is acknowledged is committed', async (t: Test) => {
  const url = await freshDatabase(t, 'sqlite')
  const store = await openStore(url, options)
  t.teardown(store.close)
  const other = fork(fileURLToPath(new URL('fixtures/hold-write-lock.ts', import.meta.url)), [url, '1600'], { stdio: 'inherit' })
  await once(other, 'message')
  await t.rejects(store.accounts.create(person), { code: 'unavailable' })
  await once(other, 'exit')
  t.match(await store.accounts.create(person), person)
  t.strictSame(await query(url, 'SELECT email FROM users'), [{ email: person.email }], 'another connection sees it')
})

t.test('the folder is made with the file, readable to nobody else, whatever its name', async (t: Test) => {
  const base = t.testdir()
  const rows: Array<[url: (path: string) => string, path: string]> = [
    [(path) => `file:${path}`, 'a/b/latchkey.db'],
    [(path) => `file:${path}`, 'with space & \u00fcml\u00e4ut/\u{1f511}.db'],
    [(path) => `file:${encodeURI(path)}`, 'coded space \u00fc/a.db'],
    [(path) => pathToFileURL(path).href, 'as url \u00fc/a.db'],
    [(path) => `file:${path}?authToken=x`, 'query/a.db']
  ]
  for (const [url, path] of rows) {
    const file = join(base, path)
    const store = await openStore(url(file), options)
    await store.accounts.create(person)
    await store.close()
    t.equal((await stat(file)).isFile(), true, file)
    t.equal((await stat(dirname(file))).mode & 0o777, 0o700)
  }
})

t.test('a place that cannot hold a database is unavailable', async (t: Test) => {
  const base = t.testdir({ file: 'no folder', folder: {}, 'text.db': 'This is no database. '.repeat(100) })
  for (const path of ['file/a.db', 'folder', 'text.db']) await t.rejects(openStore(`file:${base}/${path}`, options), { name: 'Problem', code: 'unavailable' }, path)
})
