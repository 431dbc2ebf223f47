import { join, raw, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import type { Account, AccountFilter, AccountPosition } from './accounts.js'
import type { Provider } from './database.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/**
 * Returns a page of accounts that are not deleted. Every order and every filter has an index;
 * the conditions repeat the words of the partial ones.
 *
 * @param after the last account of the previous page; null for the first page
 */
export async function listPage(
  client: PrismaClient,
  { provider, table }: { provider: Provider; table: string },
  { email, emailPrefix, role, disabled }: AccountFilter,
  { after, count }: { after: AccountPosition | null; count: number },
): Promise<Account[]> {
  const isPostgres = provider === 'postgresql'
  // The order of the bytes, whatever the language of the database is.
  const emailBytes = isPostgres ? sql`email COLLATE "C"` : sql`email`
  const where: Sql[] = [sql`deleted_at IS NULL`]
  if (email !== undefined) where.push(sql`email = ${email}`)
  if (emailPrefix !== undefined) {
    where.push(sql`${emailBytes} >= ${emailPrefix}`)
    const end = endOfRange(emailPrefix)
    if (end !== null) where.push(sql`${emailBytes} < ${end}`)
  }
  if (role !== undefined)
    where.push(
      role === 'admin'
        ? sql`${raw(isPostgres ? 'strpos' : 'instr')}(roles, '"admin"') > 0`
        : sql`roles <> '[]' AND ${raw(isPostgres ? 'strpos' : 'instr')}(roles, ${JSON.stringify(role)}) > 0`,
    )
  if (disabled !== undefined)
    where.push(disabled ? sql`disabled_at IS NOT NULL` : sql`disabled_at IS NULL`)
  if (after !== null)
    where.push(
      emailPrefix === undefined
        ? sql`(created_at, id) > (${after.createdAt}, ${after.id})`
        : sql`${emailBytes} > ${after.email}`,
    )
  const order = emailPrefix === undefined ? sql`created_at, id` : emailBytes
  const rows = await client.$queryRaw<Array<{ id: string }>>(
    sql`SELECT id FROM ${raw(table)} WHERE ${join(where, ' AND ')} ORDER BY ${order} LIMIT ${count}`,
  )
  const ids = rows.map(({ id }) => id)
  const found = await client.user.findMany({ where: { id: { in: ids }, deletedAt: null } })
  const byId = new Map(found.map((account) => [account.id, account]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/**
 * Returns the first text after all texts that begin with a prefix, in the order of their UTF-8
 * bytes. Null if there is none.
 */
function endOfRange(prefix: string): string | null {
  const points = [...prefix].map((sign) => sign.codePointAt(0) as number)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    // The code points after U+D7FF are surrogates, which are no characters.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    if (next <= 0x10ffff) return String.fromCodePoint(...points, next)
  }
  return null
}
