import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { changeUser } from '../../src/cli/users-account.js'
import { listUsers } from '../../src/cli/users-list.js'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { openStore } from '../../src/store/open-store.js'
import { goodPassword, onEachDatabase } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { changedMeanwhile, commandOn } from '../support/operator.js'
import { migratedDatabase } from '../support/migrated.js'
import { operatorOn } from '../support/accounts.js'

const nobody = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const dead = 'Its refresh tokens are revoked; its access tokens expire within 600 s.'
const person = (email: string) => ({ email, passwordHash: 'x', name: null, emailVerified: false })

/** Runs commands on one database; answers what each says, or the message of its error. */
function operator(databaseUrl: string) {
  const config = loadConfig({ DATABASE_URL: databaseUrl })
  return async (args: string[], options: Parameters<typeof fakeTerminal>[0] = { input: '' }) => {
    const terminal = fakeTerminal(options)
    const code = await users(args, config, terminal, async () => {}).catch(
      (error: Error) => `${error.name}: ${error.message}`,
    )
    return code === 0 ? (await terminal.output()).stdout : String(code)
  }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('disable, enable, logout and delete, by e-mail and by id', async (t) => {
    const url = await migratedDatabase(t, kind)
    const run = operator(url)
    const { accounts, close } = await openStore(url, { autoMigrate: true, clock: Date.now })
    t.teardown(close)
    await accounts.createMany([person('ada@example.org'), person('bob@example.org')])
    const [ada, bob] = await accounts.list(null, 2)
    const id = String(ada?.id)
    const state = async () => {
      const account = await accounts.findById(id)
      return account && [account.tokenEpoch, account.disabledAt !== null]
    }
    const rows: Array<
      [args: string[], says: string, state: [epoch: number, disabled: boolean] | null]
    > = [
      [
        ['logout', 'ADA@example.org '],
        `Logged ada@example.org out everywhere. ${dead}\n`,
        [1, false],
      ],
      [
        ['enable', 'ada@example.org'],
        'ada@example.org is not disabled. Nothing was changed.\n',
        [1, false],
      ],
      [['disable', id.toUpperCase()], `Disabled ada@example.org. ${dead}\n`, [2, true]],
      [['disable', id], 'ada@example.org is already disabled. Nothing was changed.\n', [2, true]],
      [
        ['logout', id],
        'ada@example.org is disabled: its refresh tokens are already revoked. Nothing was changed.\n',
        [2, true],
      ],
      [
        ['enable', 'ada@example.org'],
        'Enabled ada@example.org: it can log in again. Its earlier refresh tokens stay revoked.\n',
        [2, false],
      ],
      [
        ['delete', 'ada@example.org'],
        'CommandError: Deleting cannot be undone. Without a terminal, confirm with --yes.',
        [2, false],
      ],
      [['disable', id], `Disabled ada@example.org. ${dead}\n`, [3, true]],
      [['delete', id, '--yes'], `Deleted ada@example.org. ${dead}\n`, null],
    ]
    for (const [args, says, expected] of rows) {
      t.equal(await run(args), says)
      t.strictSame(await state(), expected, args.join(' '))
    }
    const unknown = ['disable', 'enable', 'logout', 'delete'].flatMap((command) => [
      [command, 'ada@example.org'],
      [command, nobody],
    ])
    for (const args of unknown)
      t.equal(await run(args), 'CommandError: The account does not exist.')
    for (const who of ['', 'ada', `${nobody}0`, '%@example.org\0'])
      t.equal(
        await run(['disable', who]),
        'CommandError: Name the account by its e-mail address or its id.',
      )
    t.strictSame(await accounts.list(null, 2), [bob], 'others are untouched')

    t.equal(
      await run(['delete', 'bob@example.org'], {
        answers: [['to continue: ', 'ada@example.org\r']],
      }),
      'CommandError: The address does not match. Nothing was deleted.',
    )
    t.match(
      await run(['delete', String(bob?.id)], {
        answers: [['bob@example.org, to continue: ', 'Bob@example.org\r']],
      }),
      /^Deleted bob@example.org\./,
    )
    t.strictSame(await accounts.list(null, 1), [])
  })

  await t.test('list shows every account in the order of the ids', async (t) => {
    const url = await migratedDatabase(t, kind)
    const run = operator(url)
    t.match(
      await run(['list']),
      /^e-mail +id +created +verified +disabled +roles\n$/,
      'a header alone',
    )
    t.equal(await run(['list', '--no-header']), '')
    t.equal(await run(['list', '--json']), '', 'JSON Lines have no header')
    const { accounts, close } = await openStore(url, {
      autoMigrate: true,
      clock: () => Date.parse('2026-01-02T03:04:05Z'),
    })
    t.teardown(close)
    await accounts.createMany(
      Array.from({ length: 1201 }, (_, index) => ({
        ...person(`p${index}@example.org`),
        emailVerified: index === 0,
      })),
    )
    await operatorOn(accounts).disable(String((await accounts.list(null, 1))[0]?.id))
    const lines = (await run(['list', '--no-header'])).split('\n')
    t.strictSame(
      lines.map((line) => line.split(/ +/)[0]),
      [...Array.from({ length: 1201 }, (_, index) => `p${index}@example.org`), ''],
    )
    const time = '2026-01-02T03:04:05.000Z'
    const [first, second] = lines.map((line) => line.split(/ +/))
    t.match(first?.[1], uuid)
    t.strictSame(
      [first?.slice(2), second?.slice(2)],
      [
        [time, time, time, '-'],
        [time, '-', '-', '-'],
      ],
    )
    const header = /^e-mail +id +created +verified +disabled +roles$/
    for (const isTTY of [true, false]) {
      const [first, ...others] = (await run(['list'], { input: '', isTTY })).split('\n')
      t.match(first, header, 'on a terminal and in a pipe')
      t.strictSame(others, lines)
    }
    const objects = (await run(['list', '--json'], { isTTY: true }))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    t.equal(objects.length, 1201)
    t.strictSame(objects[0], {
      id: first?.[1],
      email: 'p0@example.org',
      email_verified: true,
      name: null,
      created_at: time,
      updated_at: time,
      roles: [],
      disabled_at: time,
    })
  })
})

t.test('create asks for the password, and the account is there', async (t) => {
  const run = operator(await migratedDatabase(t, 'sqlite'))
  t.equal(
    await run(['create', 'Ada@example.org', '--name', 'Ada \u202e', '--verified'], {
      answers: [
        ['Password: ', `${goodPassword}\r`],
        ['Repeat password: ', `${goodPassword}\r`],
      ],
    }),
    'Created ada@example.org.\n',
  )
  const listed = await run(['list', '--json'])
  t.match(JSON.parse(listed), {
    email: 'ada@example.org',
    name: 'Ada \u202e',
    email_verified: true,
  })
  t.notMatch(listed, '\u202e', 'a sign that deceives is an escape')
})

t.test('a reader that has seen enough is no fault', async (t) => {
  const listing = { list: async () => [] } as never
  const broken = (code: string) => Object.assign(new Error(code), { code })
  for (const [code, resolves] of [
    ['EPIPE', true],
    ['EIO', false],
  ] as const) {
    const { stdout } = fakeTerminal({ isTTY: true })
    stdout.write = () => {
      stdout.destroy(broken(code))
      return false
    }
    const done = listUsers(listing, { json: false, header: true, search: null }, { stdout })
    await (resolves ? t.resolves(done) : t.rejects(done, { code }))
  }
})

t.test('an account that goes while it is changed is unknown', async (t) => {
  const store = changedMeanwhile({ id: nobody, email: 'ada@example.org' }, true)
  for (const change of ['disable', 'enable', 'logout', 'delete'] as const)
    await t.rejects(changeUser(change, 'ada@example.org', { yes: true }, commandOn(store)), {
      message: 'The account does not exist.',
    })
})

t.test('what does not fit says how to use it, and opens nothing', async (t: Test) => {
  const folder = t.testdir()
  const run = operator(`file:${join(folder, 'data/users.db')}`)
  for (const line of [
    '',
    'help',
    'toString',
    'import',
    'import a b',
    'list x',
    'list --yes',
    'list --output x',
    'list --search',
    'list --search=',
    'export --search x',
    'verify',
    'set-password',
    'set-password a@b.example secret',
    'export x',
    'export --output',
    'export --json',
    'create',
    'create a@b.example --json',
    'delete a@b.example --name x',
    'list --nothing',
    'create a@b.example --name',
    'create a@b.example --password x',
    'enable',
    'set-email',
    'set-email a@b.example',
    'set-email a@b.example b@b.example --yes',
    'grant a@b.example',
    'revoke a@b.example admin x',
    'roles',
    'roles a@b.example --json',
    'invite',
    'invite a@b.example --role',
    'create a@b.example --role admin',
  ])
    t.match(
      await run(line.split(' ').filter(Boolean)),
      /^CommandError: Usage: npm run users -- .*\n +or: node dist\/main\.js users /,
      line,
    )
  t.match(
    await run(['import', join(folder, 'none.jsonl')]),
    'CommandError: The file cannot be opened (ENOENT).',
  )
  t.match(await run(['import', folder]), 'CommandError: The path is a folder, not a file.')
  t.strictSame(await readdir(folder), [])
})
