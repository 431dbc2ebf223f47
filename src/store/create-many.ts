import { randomUUID } from 'node:crypto'
import { join, raw, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import { noClaims } from '../custom-claims.js'
import { noRoles } from '../roles.js'
import { emptyHistory } from './email-history.js'
import { noEndedLogins } from './ended-logins.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/** An account that is created without a sign-up. */
export interface NewAccount {
  /** In canonical form. */
  email: string
  /** A hash that `isReadableHash` accepts. */
  passwordHash: string
  name: string | null
  /** Whether the address counts as verified from now on. */
  emailVerified: boolean
}

/**
 * An account that is imported from another system. Missing members get the values of a new
 * account.
 */
export interface MovedAccount extends Omit<NewAccount, 'emailVerified'> {
  /** A UUID in lower case. */
  id?: string
  /** True if the address counts as verified from now on, or the date since when it does. */
  emailVerified: boolean | Date
  /** True if the account is disabled from now on, or the date since when it is. */
  disabled?: boolean | Date
  /** The column that `roles.ts` reads and writes. */
  roles?: string
  /** The column that `custom-claims.ts` reads and writes. */
  claims?: string
  tokenEpoch?: number
  /** A moved account keeps its version: its earlier access tokens stay comparable. */
  accessVersion?: number
  /** The column that `email-history.ts` reads and writes. */
  emailHistory?: string
  /** The column that `ended-logins.ts` reads and writes. */
  endedLogins?: string
  lastLoginAt?: Date
  createdAt?: Date
  updatedAt?: Date
}

/**
 * An account with an id that {@link createMany} did not create. Its id belongs to another
 * address, or its address to another id.
 */
export interface Clash {
  /** The index of the account in the list. */
  index: number
  /** The member that another account has; the id if both are taken. */
  by: 'id' | 'email'
}

/**
 * The result of {@link createMany}. Accounts that are neither created nor clashes existed
 * before.
 */
export interface CreatedAccounts {
  created: number
  clashes: Clash[]
}

/**
 * The max accounts of one call of {@link createMany}. SQLite accepts 32,766 values in a
 * statement (SQLITE_MAX_VARIABLE_NUMBER).
 */
export const maxNewAccounts = 2000

interface Row {
  id: string
  email: string
  index: number
  isMoved: boolean
  values: Sql
}

/**
 * Creates the accounts whose address and id are free, in one statement. If addresses or ids
 * repeat, the first wins. Existing accounts are not changed.
 *
 * @param table the name of the table `users`, with its schema
 * @throws RangeError for more than {@link maxNewAccounts}
 */
export async function createMany(
  client: PrismaClient,
  table: string,
  accounts: MovedAccount[],
  now: Date,
): Promise<CreatedAccounts> {
  if (accounts.length > maxNewAccounts)
    throw new RangeError(`createMany takes at most ${maxNewAccounts} accounts`)
  const rows = accounts.map((account, index) => toRow(account, index, now))
  const [first, repeated] = splitRepeatedIds(rows)
  if (first.length === 0) return { created: 0, clashes: [] }
  // PostgreSQL locks each address until the statement ends. A fixed order keeps two calls from a
  // deadlock. Equal addresses keep their order.
  const sorted = first.sort((a, b) => Number(a.email > b.email) - Number(a.email < b.email))
  // Prisma's createMany cannot skip duplicates on SQLite, and takes three times as long.
  const insert = sql`INSERT INTO ${raw(table)} (id, email, password_hash, name, email_verified_at, roles, claims, token_epoch, access_version, disabled_at, email_history, ended_logins, last_login_at, created_at, updated_at, changed_at) VALUES ${join(sorted.map(({ values }) => values))} ON CONFLICT DO NOTHING`
  // Without given ids there are no clashes to report, and the count alone is faster.
  if (!rows.some(({ isMoved }) => isMoved))
    return { created: await client.$executeRaw(insert), clashes: [] }
  const created = await client.$queryRaw<Array<{ id: string }>>(sql`${insert} RETURNING id`)
  const ids = new Set(created.map(({ id }) => id))
  const left = sorted.filter(({ id, isMoved }) => isMoved && !ids.has(id))
  return {
    created: ids.size,
    clashes: [...repeated, ...(await findClashes(client, table, left))].sort(
      (a, b) => a.index - b.index,
    ),
  }
}

function toRow(account: MovedAccount, index: number, now: Date): Row {
  const { email, passwordHash, name, roles = noRoles, claims = noClaims } = account
  const { tokenEpoch = 0, accessVersion = 0, lastLoginAt = null } = account
  const { emailHistory = emptyHistory, endedLogins = noEndedLogins } = account
  const {
    id = uuid7(now.getTime(), index),
    createdAt = account.updatedAt ?? now,
    updatedAt = createdAt,
  } = account
  const values = sql`(${id}, ${email}, ${passwordHash}, ${name}, ${since(account.emailVerified, now)}, ${roles}, ${claims}, ${tokenEpoch}, ${accessVersion}, ${since(account.disabled, now)}, ${emailHistory}, ${endedLogins}, ${lastLoginAt}, ${createdAt}, ${updatedAt}, ${now})`
  return { id, email, index, isMoved: account.id !== undefined, values }
}

function since(state: boolean | Date | undefined, now: Date): Date | null {
  return state === true ? now : state instanceof Date ? state : null
}

// The statement would choose among equal ids by the order of addresses. This keeps the first and
// reports the others as clashes.
function splitRepeatedIds(rows: Row[]): [first: Row[], repeated: Clash[]] {
  const emails = new Map<string, string>()
  const repeated: Clash[] = []
  const first = rows.filter(({ id, email, index }) => {
    const known = emails.get(id)
    emails.set(id, known ?? email)
    const clash = known !== undefined && known !== email
    if (clash) repeated.push({ index, by: 'id' })
    return !clash
  })
  return [first, repeated]
}

async function findClashes(client: PrismaClient, table: string, left: Row[]): Promise<Clash[]> {
  if (left.length === 0) return []
  const found = await client.$queryRaw<Array<{ id: string; email: string }>>(
    sql`SELECT id, email FROM ${raw(table)} WHERE id IN (${join(left.map(({ id }) => id))}) OR email IN (${join(left.map(({ email }) => email))})`,
  )
  const [emails, ids] = [
    new Map(found.map(({ id, email }) => [id, email])),
    new Map(found.map(({ id, email }) => [email, id])),
  ]
  return left.flatMap(({ id, email, index }): Clash[] => {
    if (emails.has(id) && emails.get(id) !== email) return [{ index, by: 'id' }]
    if (ids.has(email) && ids.get(email) !== id) return [{ index, by: 'email' }]
    return []
  })
}

// The counter after the milliseconds (RFC 9562 §6.2, method 1) keeps the accounts of one call in
// order.
function uuid7(milliseconds: number, counter: number): string {
  const time = milliseconds.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`
}
