import t from 'tap'
import type { Account } from '../../src/store/accounts.js'
import type {
  AccountFilter,
  AccountPosition,
  ListedAccount,
} from '../../src/store/listed-account.js'
import type { MovedAccount } from '../../src/store/create-many.js'
import { frozenNow, onEachDatabase } from '../helper.js'
import { operatorOn } from '../support/accounts.js'
import { freshStore } from '../support/fresh-store.js'

const person = (email: string, more: Partial<MovedAccount> = {}): MovedAccount => ({
  email,
  passwordHash: 'x',
  name: null,
  emailVerified: false,
  ...more,
})
type List = (
  filter: AccountFilter,
  after: AccountPosition | null,
  count: number,
) => Promise<ListedAccount[]>

/** Reads all pages. Returns the addresses. */
async function emails(listPage: List, filter: AccountFilter, count = 3): Promise<string[]> {
  const found: string[] = []
  let after: ListedAccount | null = null
  for (;;) {
    const page: ListedAccount[] = await listPage(filter, after, count)
    found.push(...page.map(({ email }) => email))
    if (page.length < count) return found
    after = page.at(-1) ?? null
  }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('pages follow each other by creation, and ids decide ties', async (t) => {
    const { accounts } = await freshStore(t, kind)
    const { listPage } = accounts
    t.strictSame(await listPage({}, null, 10), [])
    const id = (digit: number) => `${digit}0000000-0000-4000-8000-000000000000`
    const at = (ms: number) => new Date(frozenNow + ms)
    await accounts.createMany([
      person('late@example.org', { id: id(1), createdAt: at(9) }),
      ...[7, 5, 6, 2, 3, 4].map((digit) =>
        person(`tie${digit}@example.org`, { id: id(digit), createdAt: at(5) }),
      ),
      person('early@example.org', { id: id(9), createdAt: at(1) }),
    ])
    const expected = ['early', 'tie2', 'tie3', 'tie4', 'tie5', 'tie6', 'tie7', 'late']
    for (const count of [1, 2, 3, 8, 100])
      t.strictSame(
        await emails(listPage, {}, count),
        expected.map((name) => `${name}@example.org`),
        `pages of ${count}`,
      )
    const [first] = await listPage({}, null, 1)
    t.match(await accounts.findByEmail('early@example.org'), { ...first }, 'as it is stored')
    t.notOk(Object.hasOwn(first ?? {}, 'passwordHash'))

    // Accounts that come and go between two pages.
    const page = await listPage({}, null, 3)
    const last = page.at(-1) as ListedAccount
    await accounts.createMany([
      person('before@example.org', { createdAt: at(2) }),
      person('after@example.org', { createdAt: at(6) }),
    ])
    await operatorOn(accounts).delete(last.id)
    t.strictSame(
      (await listPage({}, last, 10)).map(({ email }) => email),
      ['tie4', 'tie5', 'tie6', 'tie7', 'after', 'late'].map((name) => `${name}@example.org`),
    )
    await accounts.create({ email: 'now@example.org', passwordHash: 'x', name: null })
    const [now] = await listPage({ emailPrefix: 'now' }, null, 1)
    t.strictSame(
      (await listPage({}, now as ListedAccount, 3)).map(({ email }) => email),
      ['early', 'before', 'tie2'].map((name) => `${name}@example.org`),
      'times of both kinds of statement compare',
    )
  })

  await t.test('each filter, and every pair of filters', async (t) => {
    const { accounts } = await freshStore(t, kind)
    const all: Array<[name: string, roles: string[], disabled: boolean]> = [
      ['ada', ['admin'], false],
      ['adam', ['admin', 'editor'], true],
      ['bob', ['editor'], false],
      ['bert', ['editor-in-chief', 'administrator'], false],
      ['eve', [], true],
      ['gone', ['admin', 'editor'], true],
    ]
    await accounts.createMany(
      all.map(([name, roles, disabled], index) =>
        person(`${name}@example.org`, {
          roles: JSON.stringify(roles),
          disabled,
          createdAt: new Date(frozenNow + index),
        }),
      ),
    )
    const gone = (await accounts.findByEmail('gone@example.org')) as Account
    await accounts.delete(gone, { ifUnchanged: false, keepAdmin: false })
    const filters: AccountFilter[] = [undefined, 'ada@example.org', 'eve@example.org'].flatMap(
      (email) =>
        [undefined, '', 'ad', 'd', 'z'].flatMap((emailPrefix) =>
          [undefined, 'admin', 'editor', 'none'].flatMap((role) =>
            [undefined, true, false].map(
              (disabled) =>
                JSON.parse(JSON.stringify({ email, emailPrefix, role, disabled })) as AccountFilter,
            ),
          ),
        ),
    )
    for (const filter of filters) {
      const { email, emailPrefix, role, disabled } = filter
      const expected = all
        .filter(
          ([name, roles, isDisabled]) =>
            name !== 'gone' &&
            (email === undefined || `${name}@example.org` === email) &&
            `${name}@`.startsWith(emailPrefix ?? '') &&
            (role === undefined || roles.includes(role)) &&
            (disabled === undefined || isDisabled === disabled),
        )
        .map(([name]) => `${name}@example.org`)
      t.strictSame(
        await emails(accounts.listPage, filter),
        emailPrefix === undefined ? expected : expected.sort(),
        JSON.stringify(filter),
      )
    }
  })

  await t.test('every character of a prefix stands for itself', async (t) => {
    const { accounts } = await freshStore(t, kind)
    const { listPage } = accounts
    // Not all are addresses of a sign-up: the table holds any text.
    const names = [
      'a%b',
      'a_b',
      'ab',
      'axb',
      "a'b",
      'a\\b',
      'a"b',
      'A',
      'é',
      'z\ud7ffx',
      'z\ue000',
      'z\u{10ffff}x',
      '\u{10ffff}\u{10ffff}',
      '\u{1f600}',
    ]
    await accounts.createMany(names.map((name) => person(`${name}@e`)))
    const bytes = (text: string) => Buffer.from(text)
    const prefixes = [
      '',
      'a',
      'a%',
      'a_',
      '%',
      '_',
      '\\',
      'a\\',
      "a'",
      'a"',
      "'; DROP TABLE users; --",
      'A',
      'é',
      'e',
      'z\ud7ff',
      'z',
      'z\u{10ffff}',
      '\u{10ffff}',
      '\u{10ffff}\u{10ffff}',
      '\u{1f600}',
    ]
    for (const emailPrefix of prefixes)
      t.strictSame(
        await emails(listPage, { emailPrefix }),
        names
          .filter((name) => `${name}@e`.startsWith(emailPrefix))
          .map((name) => `${name}@e`)
          .sort((a, b) => Buffer.compare(bytes(a), bytes(b))),
        JSON.stringify(emailPrefix),
      )
    for (const text of ['\0', 'a\0', '\ud83d', 'a\udc00', '\ud7ff\udfff']) {
      t.strictSame(await listPage({ emailPrefix: text }, null, 5), [], 'a prefix of no address')
      t.strictSame(await listPage({ email: text }, null, 5), [], 'no address')
      const after = { createdAt: new Date(0), id: text, email: text }
      t.strictSame(await listPage({}, after, 5), [], 'no cursor')
      t.strictSame(await listPage({ role: text }, null, 5), [], 'no role')
    }
  })

  await t.test('few that fit among many are found in windows', async (t) => {
    const { accounts } = await freshStore(t, kind)
    const roles = (index: number) => (index % 1999 === 1998 ? '["member","editor"]' : '["member"]')
    for (const block of [0, 1, 2])
      await accounts.createMany(
        Array.from({ length: 2000 }, (_, place) => {
          const index = block * 2000 + place
          const createdAt = new Date(frozenNow + index)
          return person(`p${index}@example.org`, { roles: roles(index), createdAt })
        }),
      )
    const expected = [1998, 3997, 5996].map((index) => `p${index}@example.org`)
    for (const count of [1, 2, 3, 4]) {
      t.strictSame(await emails(accounts.listPage, { role: 'editor' }, count), expected)
      t.strictSame(
        await emails(accounts.listPage, { emailPrefix: 'p', role: 'editor' }, count),
        expected,
      )
    }
    t.strictSame(await emails(accounts.listPage, { disabled: true }), [])
    t.equal((await emails(accounts.listPage, { disabled: false }, 200)).length, 6000)
    t.strictSame(await emails(accounts.listPage, { role: 'member', disabled: true }), [])
  })
})
