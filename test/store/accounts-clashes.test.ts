import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open-store.js'
import { freshDatabase, frozenNow, onEachDatabase, query } from '../helper.js'

const [first, second] = [
  '01a1fc01-f8b4-7454-b157-7ca464a8123c',
  '6f1d4c1e-52f5-4d0a-9a53-1e5d8a0c7f21',
]
const moved = (id: string, email: string) => ({
  id,
  email,
  passwordHash: '$hash$1',
  name: null,
  emailVerified: false,
})

await onEachDatabase(t, async (t: Test, kind) => {
  const url = await freshDatabase(t, kind)
  const { accounts, close } = await openStore(url, { autoMigrate: true, clock: () => frozenNow })
  t.teardown(close)
  const create = async (...rows: Array<ReturnType<typeof moved>>) => await accounts.createMany(rows)
  t.strictSame(await create(moved(first, 'ada@example.org')), { created: 1, clashes: [] })

  const rows: Array<[name: string, row: ReturnType<typeof moved>, clashes: object[]]> = [
    ['the same account', moved(first, 'ada@example.org'), []],
    ['its id with another address', moved(first, 'bob@example.org'), [{ index: 0, by: 'id' }]],
    ['its address with another id', moved(second, 'ada@example.org'), [{ index: 0, by: 'email' }]],
  ]
  for (const [name, row, clashes] of rows) {
    t.strictSame(await create(row), { created: 0, clashes }, name)
  }
  t.strictSame(
    await create(moved(second, 'bob@example.org'), ...rows.map(([, row]) => row)),
    {
      created: 1,
      clashes: [
        { index: 2, by: 'id' },
        { index: 3, by: 'id' },
      ],
    },
    'beside a new account, which takes both',
  )
  t.strictSame(await query(url, 'SELECT id, email FROM users ORDER BY email'), [
    { id: first, email: 'ada@example.org' },
    { id: second, email: 'bob@example.org' },
  ])
})
