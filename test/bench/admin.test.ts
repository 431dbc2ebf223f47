import { mkdirSync } from 'node:fs'
import t from 'tap'
import { measureAdmin } from '../../bench/admin.js'
import { createSqlite } from '../../bench/databases.js'

t.test('the bench of the admin API measures every list and search', async (t) => {
  const folder = t.testdir({})
  mkdirSync(`${folder}/database`)
  const { url } = await createSqlite(`${folder}/database`)
  const figures = await measureAdmin(folder, url, { accounts: 3000, calls: 10 })
  for (const [kind, { p50, p99 }] of Object.entries(figures)) t.ok(p50 > 0 && p50 <= p99, kind)
  t.match(figures, {
    'first page': { accounts: 50 },
    'next page, 200 accounts': { accounts: 200 },
    'one address': { accounts: 1 },
    'an address without an account': { accounts: 0 },
    'a role of three accounts in ten': { accounts: 50 },
    'the role admin': { accounts: 1 },
    'disabled accounts': { accounts: 3 },
  })
})
