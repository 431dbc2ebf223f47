import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'
import { exportUsers } from '../../src/cli/users-export.js'
import { allAccounts, writeAccounts } from '../../src/cli/users-pages.js'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { unusableHash } from '../../src/unusable-hash.js'
import { type Accounts } from '../../src/store/accounts.js'
import type { MovedAccount } from '../../src/store/create-many.js'
import { openStore } from '../../src/store/open-store.js'
import {
  buildTestApp,
  type DatabaseKind,
  databaseKinds,
  freshDatabase,
  goodPassword,
  query,
  type TestApp,
} from '../helper.js'
import { tokenOf } from '../support/mailbox.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migrate, migratedDatabase } from '../support/migrated.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const former = [
  { id: '0b9f5ac2-7d5e-4a53-9d4b-3c2f5a1e6b70', email: 'old@example.org', at: 1767323045678 },
  { id: '4c1d9a77-0e0f-4f6e-8f43-0e6d7f1b2c3d', email: 'old\u00e9@xn--bcher-kva.example', at: 0 },
]

/** Accounts with every state that a row can have, at the ends of what is stored. */
const rows: MovedAccount[] = [
  { email: 'plain@example.org', passwordHash: hash, name: null, emailVerified: false },
  {
    id: '00000000-0000-0000-0000-000000000000',
    email: 'first@example.org',
    passwordHash: unusableHash(),
    name: 'Ada "\\\u202e\u{1f511}',
    emailVerified: new Date(1),
    disabled: new Date(0),
    roles: '["admin","a.b_c-d"]',
    claims: '{"plan":"pro","list":[1,null,{"deep":"\u00e9"}],"text":"\\\\ud800"}',
    tokenEpoch: 2_000_000_000,
    accessVersion: 2_000_000_000,
    lastLoginAt: new Date(0),
    emailHistory: JSON.stringify(former),
    endedLogins: '[["0b9f5ac2-7d5e-4a53-9d4b-3c2f5a1e6b70",1767323045],["x",0]]',
    createdAt: new Date(0),
    updatedAt: new Date(0),
  },
  {
    id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    email: '\u00e9ve@xn--bcher-kva.example',
    passwordHash: hash,
    name: 'x'.repeat(200),
    emailVerified: new Date('9999-12-31T23:59:59.999Z'),
    disabled: new Date('9999-12-31T23:59:59.999Z'),
    tokenEpoch: 1,
    createdAt: new Date('9999-12-31T23:59:59.999Z'),
    updatedAt: new Date('2000-02-29T00:00:00.001Z'),
  },
  ...Array.from({ length: 1200 }, (_, index): MovedAccount => ({
    email: `p${index}@example.org`,
    passwordHash: hash,
    name: null,
    emailVerified: index % 2 === 0,
    disabled: index % 3 === 0,
    tokenEpoch: index,
  })),
]

const columns =
  'id, email, email_verified_at, password_hash, name, roles, claims, token_epoch, access_version, disabled_at, deleted_at, email_history, ended_logins, last_login_at, created_at, updated_at'
const other: Record<DatabaseKind, DatabaseKind> = { sqlite: 'postgresql', postgresql: 'sqlite' }

/** Everything that moves. The times of changes are those of the database. */
async function all(accounts: Accounts) {
  const found = await accounts.list(null, 10_000)
  return found.map(({ versionChangedAt: _1, changedAt: _2, ...moved }) => moved)
}

async function resetToken({ nextMail }: Pick<TestApp, 'nextMail'>): Promise<string> {
  for (;;) {
    const token = tokenOf(await nextMail('ada@example.org', ''), '/password/reset')
    if (token !== '') return token
  }
}

/** Runs a command on a database; throws what it throws. */
async function run(databaseUrl: string, args: string[], input: string | Buffer = '') {
  const terminal = fakeTerminal({ input })
  const code = await users(args, loadConfig({ DATABASE_URL: databaseUrl }), terminal)
  return { code, ...(await terminal.output()) }
}

for (const from of databaseKinds) {
  await t.test(`${from} to ${other[from]} and back keeps every column`, async (t) => {
    const folder = t.testdir()
    const open = async (kind: DatabaseKind, name = 'first') => {
      const url = kind === 'sqlite' ? `file:${join(folder, name)}.db` : await freshDatabase(t, kind)
      const { accounts, close } = await openStore(url, { autoMigrate: true, clock: Date.now })
      t.teardown(close)
      return { url, accounts }
    }
    const [first, second, third] = [
      await open(from),
      await open(other[from]),
      await open(from, 'third'),
    ]
    t.strictSame(await first.accounts.createMany(rows), { created: rows.length, clashes: [] })
    const expected = await all(first.accounts)
    t.equal(
      Object.keys(expected[0] ?? {}).length,
      columns.split(', ').length,
      'every column is compared',
    )

    const exported = await run(first.url, ['export'])
    t.strictSame([exported.code, exported.stderr], [0, `${rows.length} accounts exported\n`])
    t.notMatch(exported.stdout, /[\u007f-\u009f\u202e]/, 'nothing deceives a terminal')
    const moved = await run(second.url, ['import', '-'], exported.stdout)
    t.match(moved, {
      code: 0,
      stdout: new RegExp(`^${rows.length} imported, 0 skipped`),
      stderr: /^$/,
    })
    t.strictSame(await all(second.accounts), expected)

    const file = join(folder, 'accounts.jsonl')
    t.strictSame(await run(second.url, ['export', '--output', file]), {
      code: 0,
      stdout: '',
      stderr: `${rows.length} accounts exported\n`,
    })
    t.equal(await readFile(file, 'utf8'), exported.stdout, 'the same text')
    t.equal((await stat(file)).mode & 0o777, 0o600)
    t.match(await run(third.url, ['import', file]), { code: 0, stderr: /^$/ })
    t.strictSame(
      await query(third.url, `SELECT ${columns} FROM users ORDER BY id`),
      await query(first.url, `SELECT ${columns} FROM users ORDER BY id`),
      'stored in the same spelling',
    )
    t.match(
      await run(third.url, ['import', file]),
      { code: 0, stdout: new RegExp(`^0 imported, ${rows.length} skipped`), stderr: /^$/ },
      'the same again changes nothing',
    )
  })

  await t.test(
    `tokens and links from ${from} work on ${other[from]} with the same keys`,
    async (t) => {
      const before = await buildTestApp(t, { database: from })
      const ada = await before.signup({ email: 'ada@example.org' })
      const verify = tokenOf(await before.nextMail('ada@example.org', ''), '/email/verify')
      const ended = ada.refresh_token
      await before.call('POST', '/logout/everywhere', { token: ada.access_token })
      const login = (
        await before.call('POST', '/login', {
          body: { email: 'ada@example.org', password: goodPassword },
        })
      ).json<{ access_token: string; refresh_token: string }>()
      await before.call('POST', '/password/forgot', { body: { email: 'ada@example.org' } })
      const reset = await resetToken(before)
      const { stdout } = await run(before.databaseUrl, ['export'])

      const databaseUrl = await migratedDatabase(t, other[from])
      t.match(await run(databaseUrl, ['import', '-'], stdout), { code: 0 })
      const after = await buildTestApp(t, { databaseUrl, keys: before.jwks.keys })
      t.match(
        (await after.call('GET', '/me', { token: login.access_token })).json(),
        ada.user,
        'the access token',
      )
      t.equal(
        (await after.call('POST', '/refresh', { body: { refresh_token: ended } })).statusCode,
        401,
        'an ended refresh token',
      )
      t.equal(
        (await after.call('POST', '/refresh', { body: { refresh_token: login.refresh_token } }))
          .statusCode,
        200,
        'the refresh token',
      )
      t.equal(
        (await after.call('POST', '/email/verify', { body: { token: verify } })).statusCode,
        200,
        'the link to verify',
      )
      t.equal(
        (
          await after.call('POST', '/password/reset', {
            body: { token: reset, new_password: goodPassword },
          })
        ).statusCode,
        204,
        'the link to a new password',
      )
      t.equal(
        (
          await after.call('POST', '/password/reset', {
            body: { token: reset, new_password: goodPassword },
          })
        ).statusCode,
        400,
        'once',
      )
    },
  )
}

t.test('an account without a password gets in by a link', async (t) => {
  const { call, nextMail, databaseUrl, store } = await buildTestApp(t)
  const lines = ['ada', 'bob']
    .map((name) => JSON.stringify({ email: `${name}@example.org`, password_hash: null }))
    .join('\n')
  t.match(await run(databaseUrl, ['import', '-'], lines), { code: 0 })
  const hashes = (await all(store.accounts)).map(({ passwordHash }) => passwordHash)
  t.equal(new Set(hashes).size, 2, 'each unusable hash is another')
  for (const password of ['', goodPassword, String(hashes[0])])
    t.equal(
      (await call('POST', '/login', { body: { email: 'ada@example.org', password } })).statusCode,
      401,
    )
  await call('POST', '/password/forgot', { body: { email: 'ada@example.org' } })
  t.equal(
    (
      await call('POST', '/password/reset', {
        body: { token: await resetToken({ nextMail }), new_password: goodPassword },
      })
    ).statusCode,
    204,
  )
  t.equal(
    (await call('POST', '/login', { body: { email: 'ada@example.org', password: goodPassword } }))
      .statusCode,
    200,
  )
})

t.test('an export that cannot be written leaves no file', async (t) => {
  const folder = t.testdir({ 'there.jsonl': 'mine', 'new.jsonl.part': 'left by an interruption' })
  const url = await migrate(`file:${join(folder, 'users.db')}`)
  const file = (name: string) => join(folder, name)
  await t.rejects(run(url, ['export', '--output', file('there.jsonl')]), {
    name: 'CommandError',
    message: 'The file already exists.',
  })
  t.equal(await readFile(file('there.jsonl'), 'utf8'), 'mine')
  await t.rejects(run(url, ['export', '--output', file('none/x.jsonl')]), {
    name: 'CommandError',
    message: 'The accounts cannot be written (ENOENT).',
  })
  t.match(await run(url, ['export', '--output', file('new.jsonl')]), {
    code: 0,
    stderr: '0 accounts exported\n',
  })
  t.equal(await readFile(file('new.jsonl'), 'utf8'), '')
  await t.rejects(stat(file('new.jsonl.part')), { code: 'ENOENT' })

  const broken = {
    list: async () => {
      throw new Error('away')
    },
  } as never
  await t.rejects(exportUsers(broken, file('away.jsonl'), fakeTerminal()), { message: 'away' })
  for (const name of ['away.jsonl', 'away.jsonl.part'])
    await t.rejects(stat(file(name)), { code: 'ENOENT' })

  const terminal = fakeTerminal({ isTTY: true })
  terminal.stdout.write = () => {
    terminal.stdout.destroy(Object.assign(new Error('EPIPE'), { code: 'EPIPE', syscall: 'write' }))
    return false
  }
  const one = { list: async () => [{ ...rows[1], emailHistory: '[]', endedLogins: '[]' }] } as never
  await t.rejects(exportUsers(one, null, terminal), {
    name: 'CommandError',
    message: 'The accounts cannot be written (EPIPE).',
  })
})

t.test('pages wait for the reader', async (t) => {
  const total = 10_000
  let read = 0
  let written = 0
  let ahead = 0
  const accounts = {
    list: async (after: string | null, count: number) => {
      const start = after === null ? 0 : Number(after) + 1
      const page = Array.from({ length: Math.min(count, total - start) }, (_, index) => ({
        id: String(start + index),
      }))
      read += page.length
      ahead = Math.max(ahead, read - written)
      return page
    },
  }
  const slow = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      written += String(chunk).split('\n').length - 1
      setImmediate(done)
    },
  })
  await writeAccounts(allAccounts(accounts as never), { line: ({ id }) => `${id}\n` }, slow)
  t.strictSame([read, written], [total, total])
  t.ok(ahead <= 2000, `${ahead} accounts are held at most`)
})
