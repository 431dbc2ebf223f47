import { writeFileSync } from 'node:fs'
import t from 'tap'
import { copyDatabase } from '../../src/store/copy-database.js'
import { query } from '../helper.js'

t.test('the accounts of an earlier version are counted too', async (t) => {
  const folder = t.testdir({})
  const url = `file:${folder}/old.db`
  await query(url, 'CREATE TABLE users (id TEXT, password_hash TEXT, token_epoch INTEGER)')
  await query(url, "INSERT INTO users VALUES ('a', 'x', 0), ('b', 'x', 0)")
  writeFileSync(`${folder}/copy.db`, '')
  t.strictSame(await copyDatabase(url, `${folder}/copy.db`), { accounts: 2, report: 'ok' })
})
