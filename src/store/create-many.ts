import { randomUUID } from 'node:crypto'
import { join, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import type { PrismaClient } from './generated/sqlite/client.js'

/** An account that is made without a sign-up. */
export interface NewAccount {
  /** In canonical form. */
  email: string
  /** A hash that `isReadableHash` knows. */
  passwordHash: string
  name: string | null
  /** Whether the address counts as verified from now on. */
  emailVerified: boolean
}

/**
 * An account that moves in from elsewhere. A member that is left out has the value of a new
 * account.
 */
export interface MovedAccount extends Omit<NewAccount, 'emailVerified'> {
  /** A UUID in lower case. */
  id?: string
  /** Whether the address counts as verified from now on, or since when it does. */
  emailVerified: boolean | Date
  /** Whether the account is disabled from now on, or since when it is. */
  disabled?: boolean | Date
  tokenEpoch?: number
  /** The column of `email-history.ts`. */
  emailHistory?: string
  createdAt?: Date
  updatedAt?: Date
}

/**
 * An account with an id that {@link createMany} did not create, because its id belongs to
 * another address, or its address to another id.
 */
export interface Clash {
  /** Where the account stands in the list. */
  index: number
  /** The member that another account has. It is the id if both are taken. */
  by: 'id' | 'email'
}

/**
 * The result of {@link createMany}. An account that is neither created nor a clash was there
 * already.
 */
export interface CreatedAccounts {
  created: number
  clashes: Clash[]
}

/**
 * The most accounts of one call of {@link createMany}: SQLite takes 32,766 values in a statement
 * (SQLITE_MAX_VARIABLE_NUMBER).
 */
export const mostNewAccounts = 3000

interface Row {
  id: string
  email: string
  index: number
  isMoved: boolean
  values: Sql
}

/**
 * Creates the accounts whose address and id are free, in one statement. The first of equal
 * addresses or ids wins. Existing accounts are not changed.
 *
 * @throws RangeError for more than {@link mostNewAccounts}
 */
export async function createMany(
  client: PrismaClient,
  accounts: MovedAccount[],
  now: Date,
): Promise<CreatedAccounts> {
  if (accounts.length > mostNewAccounts)
    throw new RangeError(`createMany takes ${mostNewAccounts} accounts at most`)
  const rows = accounts.map((account, index) => toRow(account, index, now))
  const [first, repeated] = splitRepeatedIds(rows)
  if (first.length === 0) return { created: 0, clashes: [] }
  // PostgreSQL locks each address until the statement ends: in one order, so that two calls cannot
  // wait for each other. Equal addresses stay in theirs.
  const sorted = first.sort((a, b) => Number(a.email > b.email) - Number(a.email < b.email))
  // Prisma's own createMany cannot skip duplicates on SQLite, and takes three times as long.
  const insert = sql`INSERT INTO users (id, email, password_hash, name, email_verified_at, token_epoch, disabled_at, email_history, created_at, updated_at) VALUES ${join(sorted.map(({ values }) => values))} ON CONFLICT DO NOTHING`
  // Without ids of their own there are no clashes to tell, and the count alone is faster.
  if (!rows.some(({ isMoved }) => isMoved))
    return { created: await client.$executeRaw(insert), clashes: [] }
  const made = await client.$queryRaw<Array<{ id: string }>>(sql`${insert} RETURNING id`)
  const ids = new Set(made.map(({ id }) => id))
  const left = sorted.filter(({ id, isMoved }) => isMoved && !ids.has(id))
  return {
    created: ids.size,
    clashes: [...repeated, ...(await findClashes(client, left))].sort((a, b) => a.index - b.index),
  }
}

function toRow(account: MovedAccount, index: number, now: Date): Row {
  const { email, passwordHash, name, tokenEpoch = 0, emailHistory = '[]' } = account
  const {
    id = uuid7(now.getTime(), index),
    createdAt = account.updatedAt ?? now,
    updatedAt = createdAt,
  } = account
  const values = sql`(${id}, ${email}, ${passwordHash}, ${name}, ${since(account.emailVerified, now)}, ${tokenEpoch}, ${since(account.disabled, now)}, ${emailHistory}, ${createdAt}, ${updatedAt})`
  return { id, email, index, isMoved: account.id !== undefined, values }
}

function since(state: boolean | Date | undefined, now: Date): Date | null {
  return state === true ? now : state instanceof Date ? state : null
}

// In the statement, the order of addresses would choose among equal ids. This keeps the first, and
// tells which others clash with it.
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

async function findClashes(client: PrismaClient, left: Row[]): Promise<Clash[]> {
  if (left.length === 0) return []
  const found = await client.$queryRaw<Array<{ id: string; email: string }>>(
    sql`SELECT id, email FROM users WHERE id IN (${join(left.map(({ id }) => id))}) OR email IN (${join(left.map(({ email }) => email))})`,
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

// The counter after the milliseconds (RFC 9562 §6.2, method 1) keeps accounts of one call in their
// order.
function uuid7(milliseconds: number, counter: number): string {
  const time = milliseconds.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`
}
