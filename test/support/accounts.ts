import type { Test } from 'tap'
import type { Account, AccountChanges, Accounts } from '../../src/store/accounts.js'
import { query } from './query.js'

/** Changes of an operator: read the account, then change it. Each returns whether it did. */
export function operatorOn(accounts: Accounts) {
  const change = async (
    id: string,
    changes: AccountChanges,
    isNew: (account: Account) => boolean,
  ) => {
    const account = await accounts.findById(id)
    if (account === null || !isNew(account)) return false
    const changed = await accounts.change(account, changes, { keepAdmin: false })
    return changed !== null && typeof changed !== 'string'
  }
  return {
    disable: async (id: string) =>
      await change(id, { disabled: true }, ({ disabledAt }) => disabledAt === null),
    enable: async (id: string) =>
      await change(id, { disabled: false }, ({ disabledAt }) => disabledAt !== null),
    change: async (id: string, changes: AccountChanges) => await change(id, changes, () => true),
    delete: async (id: string) => {
      const account = await accounts.findById(id)
      const options = { ifUnchanged: false, keepAdmin: false }
      return account !== null && (await accounts.delete(account, options)) === true
    },
  }
}

/** Asserts that a row is an erased account: every column is named, and none has personal data. */
export function isErased(t: Test, row: Record<string, unknown> | undefined, name = 'erased'): void {
  const time = (value: unknown) => new Date(value as string).getTime()
  const {
    id,
    password_hash: hash,
    token_epoch: epoch,
    access_version: version,
    ...rest
  } = row ?? {}
  t.match(hash, /^![\w-]{22}$/, `${name}: an unusable hash`)
  t.ok(Number(epoch) > 0 && Number(version) > 0, `${name}: the epoch and the version were raised`)
  const { created_at: created, disabled_at: disabled, deleted_at: deleted } = rest
  t.ok(time(disabled) >= time(created) && time(deleted) >= time(disabled), `${name}: the times`)
  t.strictSame(
    rest,
    {
      email: `deleted:${String(id)}`,
      email_verified_at: null,
      name: null,
      roles: '[]',
      claims: '{}',
      email_history: '[]',
      ended_logins: '[]',
      last_login_at: null,
      created_at: created,
      disabled_at: disabled,
      deleted_at: deleted,
      updated_at: deleted,
      changed_at: deleted,
      version_changed_at: deleted,
    },
    `${name}: no personal data`,
  )
}

/** The accounts of a database, read and changed past the store. */
export interface StoredAccounts {
  /** All rows in the order of their creation. */
  rows: () => Promise<Array<Record<string, unknown>>>
  /** The row of an account, by its id or its email address. */
  row: (account: string) => Promise<Record<string, unknown> | undefined>
  count: () => Promise<number>
  disable: (account: string) => Promise<void>
  enable: (account: string) => Promise<void>
  delete: (account: string) => Promise<void>
  deleteAll: () => Promise<void>
  setEmail: (account: string, email: string) => Promise<void>
  setHash: (account: string, hash: string) => Promise<void>
  /** Sets the former email addresses, the newest last. */
  setHistory: (account: string, history: object[]) => Promise<void>
}

/** Opens the accounts of a database for a test. Each account is named by id or email address. */
export function storedAccounts(databaseUrl: string): StoredAccounts {
  const sql = async (text: string) => await query(databaseUrl, text)
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`
  const where = (account: string) =>
    `WHERE ${account.includes('@') ? 'email' : 'id'} = ${quote(account)}`
  const set = async (account: string, change: string) => {
    const changed = await sql(`UPDATE users SET ${change} ${where(account)} RETURNING id`)
    if (changed.length !== 1) throw new Error(`${changed.length} accounts ${account}`)
  }
  return {
    rows: async () => await sql('SELECT * FROM users ORDER BY created_at, email'),
    row: async (account) => (await sql(`SELECT * FROM users ${where(account)}`))[0],
    count: async () => Number((await sql('SELECT count(*) AS n FROM users'))[0]?.n),
    disable: async (account) => {
      await set(account, 'disabled_at = created_at')
    },
    enable: async (account) => {
      await set(account, 'disabled_at = NULL')
    },
    delete: async (account) => {
      const deleted = await sql(`DELETE FROM users ${where(account)} RETURNING id`)
      if (deleted.length !== 1) throw new Error(`${deleted.length} accounts ${account}`)
    },
    deleteAll: async () => {
      await sql('DELETE FROM users')
    },
    setEmail: async (account, email) => {
      await set(account, `email = ${quote(email)}`)
    },
    setHash: async (account, hash) => {
      await set(account, `password_hash = ${quote(hash)}`)
    },
    setHistory: async (account, history) => {
      await set(account, `email_history = ${quote(JSON.stringify(history))}`)
    },
  }
}
