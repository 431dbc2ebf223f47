import t, { type Test } from 'tap'
import { maxNewAccounts, type NewAccount } from '../../src/store/create-many.js'
import { openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase, frozenNow, onEachDatabase, query } from '../helper.js'
import { operatorOn } from '../support/accounts.js'

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const nobody = '01a1fc01-f8b4-7454-b157-7ca464a8123c'
const person = (name: string | number): NewAccount => ({
  email: `${name}@example.org`,
  passwordHash: `$hash$${name}`,
  name: null,
  emailVerified: false,
})
const people = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => person(from + index))

async function freshStore(t: Test, kind: DatabaseKind) {
  const url = await freshDatabase(t, kind)
  const time = { now: frozenNow }
  const { accounts, close } = await openStore(url, { autoMigrate: true, clock: () => time.now })
  t.teardown(close)
  return { accounts, time, sql: async (text: string) => await query(url, text) }
}

await onEachDatabase(t, async (t, kind) => {
  await t.test('gatherStatistics tells PostgreSQL how many accounts there are', async (t) => {
    const { accounts, sql } = await freshStore(t, kind)
    await accounts.createMany(people(300))
    await accounts.gatherStatistics()
    const statistics = async () =>
      kind === 'sqlite'
        ? 300
        : (
            await sql("SELECT reltuples::int AS rows FROM pg_class WHERE oid = 'users'::regclass")
          )[0]?.rows
    t.equal(await statistics(), 300)
    if (kind === 'sqlite') return

    // A database that fails then keeps the accounts.
    await accounts.createMany(people(300, 300))
    await sql('ALTER TABLE users RENAME TO gone')
    await accounts.gatherStatistics()
    await sql('ALTER TABLE gone RENAME TO users')
    t.equal(await statistics(), 300)
    await accounts.gatherStatistics()
    t.equal(await statistics(), 600)
  })

  await t.test('createMany makes what create makes', async (t) => {
    const { accounts, time, sql } = await freshStore(t, kind)
    t.strictSame(await accounts.createMany([]), { created: 0, clashes: [] })
    t.strictSame(
      await accounts.createMany([
        { ...person('ada'), name: "Ada'); DROP TABLE users; --", emailVerified: true },
        { ...person('b\u00f6b'), passwordHash: 'x'.repeat(1000) },
      ]),
      { created: 2, clashes: [] },
    )
    const now = new Date(frozenNow)
    const [ada, bob] = [
      await accounts.findByEmail('ada@example.org'),
      await accounts.findByEmail('b\u00f6b@example.org'),
    ]
    const both = {
      roles: '[]',
      claims: '{}',
      tokenEpoch: 0,
      accessVersion: 0,
      versionChangedAt: null,
      disabledAt: null,
      deletedAt: null,
      emailHistory: '[]',
      endedLogins: '[]',
      lastLoginAt: null,
      createdAt: now,
      updatedAt: now,
      changedAt: now,
    }
    t.strictSame(
      { ...ada },
      {
        ...both,
        id: ada?.id,
        email: 'ada@example.org',
        passwordHash: '$hash$ada',
        name: "Ada'); DROP TABLE users; --",
        emailVerifiedAt: now,
      },
    )
    t.strictSame(
      { ...bob },
      {
        ...both,
        id: bob?.id,
        email: 'b\u00f6b@example.org',
        passwordHash: 'x'.repeat(1000),
        name: null,
        emailVerifiedAt: null,
      },
    )
    t.match(ada?.id, uuid7)
    t.equal(
      Number.parseInt(String(ada?.id).replace('-', '').slice(0, 12), 16),
      frozenNow,
      'the id begins with the time',
    )
    await accounts.create({ ...person('eve'), name: null })
    const [spellings] = await sql(
      'SELECT count(DISTINCT created_at) AS times, count(DISTINCT updated_at) AS more, count(DISTINCT changed_at) AS changes, count(*) AS n FROM users',
    )
    t.match(
      spellings,
      { times: /^1$/, more: /^1$/, changes: /^1$/, n: /^3$/ },
      'times are stored in the same spelling',
    )
    time.now += 1
    t.equal((await accounts.updateName(String(ada?.id), 'Ada'))?.updatedAt.getTime(), time.now)
  })

  await t.test(
    'createMany leaves what is there, and of equal addresses takes the first',
    async (t) => {
      const { accounts } = await freshStore(t, kind)
      await accounts.create({ ...person(1), name: 'first' })
      const before = await accounts.findByEmail('1@example.org')
      t.strictSame(
        await accounts.createMany([
          person(0),
          { ...person(1), passwordHash: '$hash$other' },
          person(2),
          { ...person(2), name: 'second' },
        ]),
        { created: 2, clashes: [] },
      )
      t.strictSame(await accounts.findByEmail('1@example.org'), before)
      t.equal((await accounts.findByEmail('2@example.org'))?.name, null)
      t.strictSame(await accounts.createMany(people(3)), { created: 0, clashes: [] })
    },
  )

  await t.test('createMany keeps what moves in, and tells what clashes', async (t) => {
    const { accounts } = await freshStore(t, kind)
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) =>
      nobody.replace('01a1fc01', letter.repeat(8)),
    )
    const moved = {
      ...person('a'),
      id: String(a),
      emailVerified: new Date(1),
      disabled: new Date(2),
      roles: '["admin"]',
      claims: '{"plan":"pro"}',
      tokenEpoch: 3,
      accessVersion: 9,
      emailHistory: '[{"id":"x","email":"y","at":4}]',
      endedLogins: '[["x",4]]',
      lastLoginAt: new Date(7),
      createdAt: new Date(5),
      updatedAt: new Date(6),
    }
    t.strictSame(await accounts.createMany([moved, person('b')]), { created: 2, clashes: [] })
    const stored = {
      id: a,
      email: 'a@example.org',
      emailVerifiedAt: new Date(1),
      passwordHash: '$hash$a',
      name: null,
      roles: '["admin"]',
      claims: '{"plan":"pro"}',
      tokenEpoch: 3,
      accessVersion: 9,
      versionChangedAt: null,
      disabledAt: new Date(2),
      deletedAt: null,
      emailHistory: moved.emailHistory,
      endedLogins: moved.endedLogins,
      lastLoginAt: new Date(7),
      createdAt: new Date(5),
      updatedAt: new Date(6),
      changedAt: new Date(frozenNow),
    }
    t.strictSame({ ...(await accounts.findById(String(a))) }, stored)
    const before = await accounts.list(null, 10)

    const list = [
      { ...moved, name: 'there already' },
      { ...person('z'), id: String(a) },
      { ...person('a'), id: String(b) },
      { ...person('b'), id: String(a) },
      person('a'),
      { ...person('y'), id: String(c) },
      { ...person('c'), id: String(c) },
      { ...person('y'), id: String(c) },
      { ...person('y'), id: String(d) },
      { ...person('x'), id: String(a) },
      { ...person('x'), id: String(a) },
    ]
    t.strictSame(await accounts.createMany(list), {
      created: 1,
      clashes: [
        [1, 'id'],
        [2, 'email'],
        [3, 'id'],
        [6, 'id'],
        [8, 'email'],
        [9, 'id'],
        [10, 'id'],
      ].map(([index, by]) => ({ index, by })),
    })
    t.strictSame(
      (await accounts.list(null, 10)).filter(({ email }) => email !== 'y@example.org'),
      before,
      'nothing that is there has changed',
    )
    t.equal((await accounts.findByEmail('y@example.org'))?.id, c, 'the first of equal ids wins')
    const [given] = [new Date(7)]
    await accounts.createMany([
      { ...person('only-updated'), updatedAt: given },
      { ...person('only-created'), createdAt: given },
    ])
    for (const name of ['only-updated', 'only-created'])
      t.match(await accounts.findByEmail(`${name}@example.org`), {
        createdAt: given,
        updatedAt: given,
      })
  })

  await t.test('an address has one account, however many are made at once', async (t) => {
    const { accounts, sql } = await freshStore(t, kind)
    const single = Promise.all(people(20).map(async (one) => await accounts.create(one)))
    const counts = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) =>
          await accounts.createMany(index % 2 === 0 ? people(600) : people(600).reverse()),
      ),
    )
    const made = (await single).filter((account) => account !== null).length
    t.equal(counts.reduce((sum, { created }) => sum + created, 0) + made, 600)
    t.match(await sql('SELECT count(*) AS n FROM users'), [{ n: /^600$/ }])
  })

  await t.test('createMany is one statement: of a batch that fails, nothing stays', async (t) => {
    const { accounts, sql } = await freshStore(t, kind)
    const broken = { ...person('broken'), passwordHash: null as unknown as string }
    await t.rejects(accounts.createMany([...people(100), broken]))
    t.match(await sql('SELECT count(*) AS n FROM users'), [{ n: /^0$/ }])
    await t.rejects(accounts.createMany(people(maxNewAccounts + 1)), RangeError)
    t.strictSame(
      await accounts.createMany(people(maxNewAccounts)),
      { created: maxNewAccounts, clashes: [] },
      'the largest one',
    )
  })

  await t.test('list gives pages in the order in which accounts were made', async (t) => {
    const { accounts, time } = await freshStore(t, kind)
    t.strictSame(await accounts.list(null, 10), [])
    await accounts.createMany(people(300))
    time.now += 1
    await accounts.createMany(people(5, 300))
    const found: string[] = []
    for (
      let page = await accounts.list(null, 100);
      page.length > 0;
      page = await accounts.list(page.at(-1)?.id ?? '', 100)
    )
      found.push(...page.map(({ email }) => email))
    t.strictSame(
      found,
      people(305).map(({ email }) => email),
    )
    const [first] = await accounts.list(null, 1)
    t.strictSame(first, await accounts.findByEmail('0@example.org'))
  })

  await t.test('enable takes back disable, once, and leaves the epoch', async (t) => {
    const { accounts } = await freshStore(t, kind)
    await accounts.createMany(people(2))
    const [ada, other] = await accounts.list(null, 2)
    if (ada === undefined) throw new Error('there is an account')
    const operate = operatorOn(accounts)
    t.equal(await operate.enable(ada.id), false, 'not disabled')
    await operate.disable(ada.id)
    const disabled = await accounts.findById(ada.id)
    t.match(disabled?.endedLogins, /^\[\["every-login",\d+\]\]$/, 'it has ended every login')
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => await operate.enable(ada.id)),
    )
    t.strictSame(answers.filter(Boolean), [true])
    t.strictSame({ ...(await accounts.findById(ada.id)) }, { ...disabled, disabledAt: null })
    t.equal(await operate.enable(nobody), false)
    t.strictSame(await accounts.findById(String(other?.id)), other)
  })
})
