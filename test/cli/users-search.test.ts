import t from 'tap'
import { maxNewAccounts } from '../../src/store/create-many.js'
import { users } from '../../src/cli/users.js'
import { loadConfig } from '../../src/config.js'
import { openStore } from '../../src/store/open-store.js'
import { onEachDatabase } from '../helper.js'
import { fakeTerminal } from '../support/fake-terminal.js'
import { migratedDatabase } from '../support/migrated.js'

const people: Array<[email: string, name: string | null]> = [
  ['ada@example.org', 'Ada Lovelace'],
  ['lada@example.org.uk', null],
  ['a_a@example.org', '100 % Ada'],
  ['axa@example.org', 'back\\slash'],
  ['emile@example.org', 'ÉMILE Zola'],
  ['zoe@example.org', 'Zoe\u0308 Decomposed'],
  ['jörg@example.org', 'Jörg'],
  ['kim@xn--bcher-kva.example', "Kim's *[star]*"],
  ['ΣΙΣΥΦΟΣ@example.org'.toLowerCase(), 'Σίσυφος'],
]

/** The text of a search, and the accounts that it finds, by the user part of the address. */
const rows: Array<[text: string, finds: string]> = [
  ['ada', 'ada lada a_a'],
  ['ADA', 'ada lada a_a'],
  ['ada@', 'ada lada'],
  ['ada@example.org', 'ada lada'],
  [' Ada@EXAMPLE.org ', 'ada lada'],
  ['Lovelace', 'ada'],
  ['a lov', 'ada'],
  ['.uk', 'lada'],
  ['a_a', 'a_a'],
  ['_', 'a_a'],
  ['%', 'a_a'],
  ['0 %', 'a_a'],
  ['%a', ''],
  ['\\', 'axa'],
  ['k\\s', 'axa'],
  ['émile', 'emile'],
  ['Émile z', 'emile'],
  ['mile', 'emile'],
  ['E\u0301mile', 'emile'],
  ['zoë', 'zoe'],
  ['ZOE\u0308', 'zoe'],
  ['JÖRG', 'jörg'],
  ['kim@bücher.example', 'kim'],
  ["'s *[", 'kim'],
  ['ίσ', 'σισυφος'],
  ['x'.repeat(5000), ''],
  ["' OR 1=1 --", ''],
  ['*', 'kim'],
  ['null', ''],
]

await onEachDatabase(t, async (t, kind) => {
  const url = await migratedDatabase(t, kind)
  const { accounts, close } = await openStore(url, { autoMigrate: false, clock: Date.now })
  t.teardown(close)
  const list = async (...args: string[]) => {
    const terminal = fakeTerminal({ input: '' })
    const config = loadConfig({ DATABASE_URL: url })
    t.equal(await users(['list', ...args], config, terminal), 0)
    return (await terminal.output()).stdout.split('\n').slice(0, -1)
  }
  const person = (email: string, name: string | null = null) => ({
    email,
    passwordHash: 'x',
    name,
    emailVerified: false,
  })
  await accounts.createMany(people.map(([email, name]) => person(email, name)))

  await t.test('finds parts of addresses and names in any case', async (t) => {
    for (const [text, finds] of rows) {
      const lines = await list('--no-header', '--search', text)
      t.strictSame(
        lines.map((line) => line.split('@')[0]).sort(),
        finds.split(' ').filter(Boolean).sort(),
        JSON.stringify(text.slice(0, 20)),
      )
    }
    t.match(await list('--search', 'nobody-at-all'), [/^e-mail +id /], 'the header alone')
    t.match(await list('--json', '--search=lovelace'), [/^\{"id":.*"name":"Ada Lovelace"/])
  })

  await t.test('reads the table in bounded windows, in the order of the ids', async (t) => {
    const many = Array.from({ length: 12_000 }, (_, index) => person(`p${index}@many.example`))
    for (let start = 0; start < many.length; start += maxNewAccounts)
      await accounts.createMany(many.slice(start, start + maxNewAccounts))
    const found: string[] = []
    const windows: number[] = []
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<typeof accounts.search>> = await accounts.search(
        '9@MANY',
        after,
      )
      found.push(...page.found.map(({ email }) => email))
      windows.push(page.found.length)
      after = page.last
    } while (after !== null)
    t.strictSame(
      found,
      many.map(({ email }) => email).filter((email) => email.includes('9@')),
      'every match once, in order',
    )
    t.equal(windows.length, 3)
    t.ok(Math.max(...windows) <= 500, 'the matches of 5000 accounts')
    t.equal((await list('--no-header', '--search', 'many.example')).length, 12_000)
    const begin = performance.now()
    t.strictSame(await list('--no-header', '--search', 'no-such-text'), [])
    t.comment(`12,000 accounts without a match: ${Math.round(performance.now() - begin)} ms`)
  })
})
