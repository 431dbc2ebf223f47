import type { Test } from 'tap'
import { type Store, openStore } from '../../src/store/open-store.js'
import { type DatabaseKind, freshDatabase, frozenNow, query } from '../helper.js'

/** A migrated store on a fresh database, with a clock that stands still until `time.now` is set. */
export async function freshStore(t: Test, kind: DatabaseKind) {
  const url = await freshDatabase(t, kind)
  const time = { now: frozenNow }
  const store: Store = await openStore(url, { autoMigrate: true, clock: () => time.now })
  t.teardown(store.close)
  const sql = async (text: string) => await query(url, text)
  const ada = { email: 'ada@example.org', passwordHash: '$hash$1', name: 'Ada' }
  const create = async (email = ada.email) => {
    const account = await store.accounts.create({ ...ada, email })
    if (account === null) throw new Error(`${email} has an account`)
    return account
  }
  const read = async ({ id }: { id: string }) => ({ ...(await store.accounts.findById(id)) })
  return { accounts: store.accounts, time, sql, ada, create, read }
}
