import { randomUUID } from 'node:crypto'
import { join, sqltag as sql } from '@prisma/client/runtime/client'
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

/** The most accounts of one call of {@link createMany}: SQLite takes 32,766 values in a statement (SQLITE_MAX_VARIABLE_NUMBER). */
export const mostNewAccounts = 4000

/**
 * Makes the accounts whose address has none, in one statement, and answers how many those were. Of equal addresses the first wins; accounts that are there stay as they are.
 * @throws RangeError for more than {@link mostNewAccounts}
 */
export async function createMany (client: PrismaClient, accounts: NewAccount[], now: Date): Promise<number> {
  if (accounts.length > mostNewAccounts) throw new RangeError(`createMany takes ${mostNewAccounts} accounts at most`)
  if (accounts.length === 0) return 0
  // PostgreSQL locks each address until the statement ends: in one order, so that two calls cannot wait for each other. Equal addresses stay in theirs.
  const rows = accounts.map((account, index) => ({ ...account, id: uuid7(now.getTime(), index) })).sort((a, b) => Number(a.email > b.email) - Number(a.email < b.email))
  const values = rows.map(({ id, email, passwordHash, name, emailVerified }) => sql`(${id}, ${email}, ${passwordHash}, ${name}, ${emailVerified ? now : null}, ${now}, ${now})`)
  // Prisma's own createMany cannot skip duplicates on SQLite, and takes three times as long.
  return await client.$executeRaw(sql`INSERT INTO users (id, email, password_hash, name, email_verified_at, created_at, updated_at) VALUES ${join(values)} ON CONFLICT (email) DO NOTHING`)
}

// The counter after the milliseconds (RFC 9562 §6.2, method 1) keeps accounts of one call in their order.
function uuid7 (milliseconds: number, counter: number): string {
  const time = milliseconds.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`
}
