import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { connect, parseDatabaseUrl } from '../../src/store/database.js'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, query } from '../helper.js'

const options = { autoMigrate: true, clock: () => 0 }
const person = { email: 'ada@example.org', passwordHash: 'h', name: null }

t.test(
  'the connection is durable and keeps references; the file is in WAL mode',
  async (t: Test) => {
    const url = await freshDatabase(t, 'sqlite')
    await (await openStore(url, options)).close()
    const client = await connect(parseDatabaseUrl(url))
    const pragma = async (name: string) =>
      (await client.$queryRawUnsafe<Array<Record<string, unknown>>>(`PRAGMA ${name}`))
        .flatMap((row) => Object.values(row))
        .map(String)
    const settings = Object.fromEntries(
      await Promise.all(
        ['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'].map(async (name) => [
          name,
          await pragma(name),
        ]),
      ),
    )
    await client.$disconnect()
    t.strictSame(
      settings,
      { journal_mode: ['wal'], synchronous: ['2'], foreign_keys: ['1'], busy_timeout: ['0'] },
      'libSQL itself would wait on the event loop',
    )
  },
)

/**
 * Lets another process take the write lock of a file, and gives the function that makes it let
 * go.
 */
async function lockFrom(url: string): Promise<() => Promise<void>> {
  const other = fork(
    fileURLToPath(new URL('fixtures/hold-write-lock.ts', import.meta.url)),
    [url],
    { stdio: 'inherit' },
  )
  await once(other, 'message')
  return async () => {
    other.send('let go')
    await once(other, 'exit')
  }
}

t.test(
  'a write waits for the one of another process; reads, and everything else that happens in this one, do not',
  async (t: Test) => {
    const url = await freshDatabase(t, 'sqlite')
    const store = await openStore(url, options)
    t.teardown(store.close)
    const letGo = await lockFrom(url)
    const done: string[] = []
    const writes = ['a', 'b', 'c'].map(async (name) => {
      t.match(await store.accounts.create({ ...person, email: `${name}@example.org` }), {
        passwordHash: 'h',
      })
      done.push(name)
    })
    for (let turns = 0; turns < 5; turns++) {
      await new Promise((resolve) => {
        setTimeout(resolve)
      })
      t.equal(await store.accounts.findByEmail(person.email), null)
    }
    t.strictSame(done, [], 'they do have to wait')
    await letGo()
    await Promise.all(writes)
    t.strictSame(done, ['a', 'b', 'c'], 'in their order')
    t.equal((await query(url, 'SELECT email FROM users')).length, 3)
  },
)

t.test('after writes that gave up waiting, what is acknowledged is committed', async (t: Test) => {
  const url = await freshDatabase(t, 'sqlite')
  const store = await openStore(url, options)
  t.teardown(store.close)
  const letGo = await lockFrom(url)
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, async () => await store.accounts.create(person)),
  )
  for (const one of outcomes) t.match(one, { status: 'rejected', reason: { code: 'unavailable' } })
  await letGo()
  t.strictSame(await query(url, 'SELECT email FROM users'), [])
  t.match(await store.accounts.create(person), person)
  t.strictSame(
    await query(url, 'SELECT email FROM users'),
    [{ email: person.email }],
    'another connection sees it',
  )
})

t.test(
  'a file that was moved away is not written to, nor made anew; what is put in its place is used',
  async (t: Test) => {
    const url = await freshDatabase(t, 'sqlite')
    const file = url.slice('file:'.length)
    const store = await openStore(url, options)
    t.teardown(store.close)
    t.match(await store.accounts.create(person), person)
    const move = async (from: string, to: string) => {
      for (const end of ['', '-wal', '-shm'])
        await rename(`${from}${end}`, `${to}${end}`).catch(() => {})
    }
    await move(file, `${file}.away`)
    await t.rejects(store.accounts.create({ ...person, email: 'b@example.org' }), {
      code: 'unavailable',
    })
    await t.rejects(store.accounts.findByEmail(person.email), { code: 'unavailable' })
    await t.rejects(store.ping(), { code: 'unavailable' })
    t.notOk(existsSync(file))
    await move(`${file}.away`, file)
    t.match(await store.accounts.findByEmail(person.email), person)
    await (await openStore(`${url}.other`, options)).close()
    await move(file, `${file}.away`)
    await move(`${file}.other`, file)
    t.equal(await store.accounts.findByEmail(person.email), null)
    t.match(await store.accounts.create({ ...person, email: 'b@example.org' }), {
      email: 'b@example.org',
    })
    t.strictSame(await query(url, 'SELECT email FROM users'), [{ email: 'b@example.org' }])
  },
)

t.test(
  'the folder is made with the file, readable to nobody else, whatever its name',
  async (t: Test) => {
    const base = t.testdir()
    const rows: Array<[url: (path: string) => string, path: string]> = [
      [(path) => `file:${path}`, 'a/b/latchkey.db'],
      [(path) => `file:${path}`, 'with space & \u00fcml\u00e4ut/\u{1f511}.db'],
      [(path) => `file:${encodeURI(path)}`, 'coded space \u00fc/a.db'],
      [(path) => pathToFileURL(path).href, 'as url \u00fc/a.db'],
      [(path) => `file:${path}?authToken=x`, 'query/a.db'],
    ]
    for (const [url, path] of rows) {
      const file = join(base, path)
      const store = await openStore(url(file), options)
      await store.accounts.create(person)
      await store.close()
      t.equal((await stat(file)).isFile(), true, file)
      t.equal((await stat(dirname(file))).mode & 0o777, 0o700)
    }
  },
)

t.test('a place that cannot hold a database is unavailable', async (t: Test) => {
  const base = t.testdir({
    file: 'no folder',
    folder: {},
    'text.db': 'This is no database. '.repeat(100),
  })
  for (const path of ['file/a.db', 'folder', 'text.db'])
    await t.rejects(
      openStore(`file:${base}/${path}`, options),
      { name: 'Problem', code: 'unavailable' },
      path,
    )
})
