import { randomBytes, randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { importUsers } from '../../src/cli/users-import.js'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { Problem } from '../../src/errors.js'
import { onEachDatabase, query, temporaryFolder } from '../helper.js'
import { storedAccounts } from '../support/accounts.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migratedDatabase } from '../support/migrated.js'

const hash = '$2b$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'
const line = (name: string | number, rest = {}) =>
  JSON.stringify({ email: `${name}@example.org`, password_hash: hash, ...rest })
const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => line(from + index))
const summary = (imported: number, skipped: number, bad: number) =>
  new RegExp(
    `^${imported} imported, ${skipped} skipped \\(existing\\), ${bad} bad, in \\d+\\.\\d s\n$`,
  )

await onEachDatabase(t, async (t, kind) => {
  const setUp = async (t: Test) => {
    const databaseUrl = await migratedDatabase(t, kind)
    const config = loadConfig({ DATABASE_URL: databaseUrl })
    const run = async (input: string | Buffer, options: { isTTY?: boolean } = {}) => {
      const terminal = fakeTerminal({ input, ...options })
      const code = await users(['import', '-'], config, terminal)
      return { code, ...(await terminal.output()) }
    }
    const { count } = storedAccounts(databaseUrl)
    return { databaseUrl, config, run, count }
  }

  await t.test(
    'good lines are accounts, bad ones are named, and the same again changes nothing',
    async (t) => {
      const { databaseUrl, run, count } = await setUp(t)
      const secret = 'secret'
      const bad: Array<string | Buffer> = [
        'not json',
        '{}',
        line(secret, { id: 1 }),
        line(`${secret}\0`),
        line(`${secret}\ud800`),
        `{"__proto__":{"email":"${secret}@example.org"},"email":"${secret}@example.org","password_hash":"${hash}"}`,
        line(secret, { password_hash: 'md5' }),
        line(secret, { name: 'x\0' }),
        line(secret, { email_verified: 'yes' }),
        line(secret, { name: 'x'.repeat(1024 * 1024) }),
        Buffer.from([0xff, 0xfe, 0x00, 0x80]),
        Buffer.concat([
          Buffer.from(`{"email":"${secret}`),
          Buffer.from([0xc3, 0x28]),
          Buffer.from(`@example.org","password_hash":"${hash}"}`),
        ]),
        Buffer.from(randomBytes(2000).map((byte) => (byte === 10 || byte === 13 ? 0xff : byte))),
      ]
      const file = Buffer.concat([
        Buffer.from(
          `\ufeff${line('ada', { name: 'Ada', email_verified: true })}\r\n\r\n  \n${line('bob')}\n${line('ADA', { name: 'another' })}\n`,
        ),
        ...bad.map((one) => Buffer.concat([Buffer.from(one as string), Buffer.from('\n')])),
        Buffer.from(line('eve', { email: ' E\u0301ve@b\u00fccher.example', name: null })),
      ])
      const first = await run(file)
      t.equal(first.code, 1)
      t.match(first.stdout, summary(3, 1, bad.length))
      t.strictSame(
        first.stderr.match(/^line \d+/gm),
        bad.map((_, index) => `line ${index + 6}`),
      )
      t.equal(first.stderr.trim().split('\n').length, bad.length)
      t.notMatch(first.stderr, /secret|@|\$2b|x{9}/, 'nothing of a line is repeated')
      const rows = await query(
        databaseUrl,
        'SELECT email, name, password_hash, email_verified_at IS NOT NULL AS verified, token_epoch FROM users ORDER BY id',
      )
      t.match(rows, [
        {
          email: 'ada@example.org',
          name: 'Ada',
          verified: /^(1|true)$/,
          password_hash: hash,
          token_epoch: 0,
        },
        { email: 'bob@example.org', name: null, verified: /^(0|false)$/ },
        { email: '\u00e9ve@xn--bcher-kva.example', name: null },
      ])

      const again = await run(file)
      t.equal(again.code, 1)
      t.match(again.stdout, summary(0, 4, bad.length))
      t.strictSame(
        await query(
          databaseUrl,
          'SELECT email, name, password_hash, email_verified_at IS NOT NULL AS verified, token_epoch FROM users ORDER BY id',
        ),
        rows,
      )
      t.equal(await count(), 3)
    },
  )

  await t.test(
    'a line whose id or address another account has is named, and changes nothing',
    async (t) => {
      const { databaseUrl, run } = await setUp(t)
      const ids = Array.from({ length: 3 }, () => randomUUID())
      t.match(
        await run(
          [
            line('ada', { id: ids[0]?.toUpperCase() }),
            ...lines(600),
            line('bob', { id: ids[1] }),
          ].join('\n'),
        ),
        { code: 0, stdout: summary(602, 0, 0), stderr: /^$/ },
      )
      const before = await query(databaseUrl, 'SELECT * FROM users ORDER BY email')
      const again = await run(
        [
          line('ada', { id: ids[0], name: 'x' }),
          line('eve', { id: ids[0] }),
          ...lines(600),
          line('bob', { id: ids[2] }),
          line('bob'),
        ].join('\n'),
      )
      t.match(again, { code: 1, stdout: summary(0, 602, 2) })
      t.equal(
        again.stderr,
        'line 2: id belongs to an account with another address\nline 603: email belongs to an account with another id\n',
      )
      t.strictSame(await query(databaseUrl, 'SELECT * FROM users ORDER BY email'), before)
      const newcomers = await run(
        [line('mia', { id: ids[2] }), line('noa', { id: ids[2] })].join('\n'),
      )
      t.match(newcomers, {
        code: 1,
        stdout: summary(1, 0, 1),
        stderr: 'line 2: id belongs to an account with another address\n',
      })
    },
  )

  await t.test('several batches, from a file, with what is there already', async (t) => {
    const { databaseUrl, config, run, count } = await setUp(t)
    t.match(await run(lines(3, 700).join('\n')), {
      code: 0,
      stdout: summary(3, 0, 0),
      stderr: /^$/,
    })
    const file = join(temporaryFolder, `latchkey-${randomUUID()}.jsonl`)
    t.teardown(async () => {
      await rm(file)
    })
    await writeFile(file, `${lines(1203).join('\n')}\n${lines(10).join('\n')}`)
    const terminal = fakeTerminal({ isTTY: true })
    t.equal(await users(['import', file], config, terminal), 0)
    const said = await terminal.output()
    t.match(said.stdout, summary(1200, 13, 0))
    t.match(said.stderr, /\[=+ *\] \d+ % {2}\d+ lines/)
    t.equal(await count(), 1203)
    await writeFile(file, '')
    for (const source of ['-', file])
      t.equal(
        await users(['import', source], config, fakeTerminal({ input: '' })),
        0,
        'nothing at all',
      )
    t.strictSame(
      await query(
        databaseUrl,
        "SELECT count(DISTINCT email) AS n FROM users WHERE password_hash <> 'x'",
      ),
      await query(databaseUrl, 'SELECT count(*) AS n FROM users'),
    )
  })

  await t.test('two imports of the same people at once', async (t) => {
    const { config, count } = await setUp(t)
    const runs = await Promise.all(
      [lines(1500), lines(1500).reverse()].map(async (list) => {
        const terminal = fakeTerminal({ input: list.join('\n') })
        const code = await users(['import', '-'], config, terminal)
        return { code, imported: Number.parseInt((await terminal.output()).stdout) }
      }),
    )
    t.strictSame(
      runs.map(({ code }) => code),
      [0, 0],
    )
    t.equal(
      runs.reduce((sum, { imported }) => sum + imported, 0),
      1500,
    )
    t.equal(await count(), 1500)
  })

  await t.test('a signal ends it after what has been read', async (t) => {
    const { config, run, count } = await setUp(t)
    for (const [signal, code, from] of [
      ['SIGINT', 130, 0],
      ['SIGTERM', 143, 600],
    ] as const) {
      const terminal = fakeTerminal()
      const ended = users(['import', '-'], config, terminal)
      terminal.stdin.write(`${lines(600, from).join('\n')}\n{`)
      while ((await count()) < from + 500) await new Promise((resolve) => setTimeout(resolve, 20))
      terminal.emit(signal, signal)
      terminal.emit(signal, signal)
      t.equal(await ended, code)
      t.equal(terminal.listenerCount(signal), 0)
      t.strictSame(await terminal.output(), {
        stdout: '',
        stderr:
          'Interrupted after line 600: 600 imported, 0 skipped (existing), 0 bad. Repeat the command to continue.\n',
      })
    }
    t.match(await run(lines(1300).join('\n')), { code: 0, stdout: summary(100, 1200, 0) })
  })
})

t.test('what stops an import says how far it came', async (t) => {
  const written: number[] = []
  const accounts = {
    createMany: async (list: unknown[]) => {
      written.push(list.length)
      return { created: list.length, clashes: [] }
    },
  }
  const away = {
    createMany: async () => {
      throw new Problem('unavailable')
    },
  }
  const unreadable = Readable.from(
    (async function* () {
      yield Buffer.from(`${lines(501).join('\n')}\n`)
      throw Object.assign(new Error('EIO: /secret/path'), { code: 'EIO', syscall: 'read' })
    })(),
  )
  const stopped = (imported: number) =>
    `Stopped before the end: ${imported} imported, 0 skipped (existing), 0 bad. Repeat the command to continue.\n`

  const one = fakeTerminal()
  await t.rejects(importUsers(accounts as never, { input: unreadable, share: () => null }, one), {
    name: 'CommandError',
    message: 'The file cannot be read (EIO).',
  })
  t.strictSame([written, (await one.output()).stderr], [[500], stopped(500)])

  const other = fakeTerminal({ input: line('ada') })
  await t.rejects(importUsers(away as never, { input: other.stdin, share: () => null }, other), {
    name: 'Problem',
    code: 'unavailable',
  })
  t.equal((await other.output()).stderr, stopped(0))
})
