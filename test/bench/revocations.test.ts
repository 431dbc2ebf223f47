import { mkdirSync } from 'node:fs'
import t from 'tap'
import { createSqlite } from '../../bench/databases.js'
import { measureRevocations } from '../../bench/revocations.js'

t.test('the bench of the revocations measures the list and replies 304', async (t) => {
  const folder = t.testdir({})
  mkdirSync(`${folder}/database`)
  const { url } = await createSqlite(`${folder}/database`)
  const run = { changes: 300, seconds: 1, rounds: 1 }
  const { figures } = await measureRevocations(folder, url, run)
  for (const [kind, { perSecond, p50, p99 }] of Object.entries(figures))
    t.ok(perSecond > 0 && p50 <= p99, kind)
  t.strictSame(Object.keys(figures), ['the whole list', 'the list is unchanged (304)'])
  t.ok(Number(figures['the whole list']?.bytes) > 300 * 25, 'every account is in the list')
})
