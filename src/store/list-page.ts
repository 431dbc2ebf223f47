import { join, raw, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import { adminRole, hasRole } from '../roles.js'
import type { AccountFilter, AccountPosition, ListedAccount } from './listed-account.js'
import type { Provider } from './database.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/** The order of a list, with the conditions of its index. */
interface Order {
  by: Sql
  where: Sql[]
  /** The condition of the first row. SQLite would scan from there, not from a later account. */
  from: Sql[]
  /** The rows after an account. */
  after: (position: AccountPosition) => Sql
  /** The rows up to an account, and this one. */
  upTo: (position: AccountPosition) => Sql
}

/**
 * The rows that the first and the largest statement of a list look at, if a condition has no
 * index: the rows that fit may be few among a million. So each statement stays far from every
 * timeout, and others run in between.
 */
const windowSizes = { first: 1000, last: 2000 }

/**
 * Returns a page of accounts that are not deleted. Every order has an index; the conditions
 * repeat the words of the partial ones.
 *
 * @param takeTurn waits between two statements, so that other requests are served
 * @param after the last account of the previous page; null for the first page
 */
export async function listPage(
  client: PrismaClient,
  {
    provider,
    table,
    takeTurn,
  }: { provider: Provider; table: string; takeTurn: () => Promise<void> },
  filter: AccountFilter,
  { after, count }: { after: AccountPosition | null; count: number },
): Promise<ListedAccount[]> {
  // No address has such text, and PostgreSQL refuses it.
  if (![filter.email, filter.emailPrefix, after?.id, after?.email].every(isStorable)) return []
  if (filter.email !== undefined) return await findOne(client, filter.email, filter, after)
  const contains = raw(provider === 'postgresql' ? 'strpos' : 'instr')
  const { emailPrefix, role, disabled } = filter
  // Conditions beside those of the index.
  const others: Sql[] = []
  let order: Order
  if (emailPrefix !== undefined) {
    order = byEmail(provider, emailPrefix)
    // Erased accounts are side by side in this order: only a range with theirs has many of them.
    const erased = 'deleted:'
    const isAmongErased = erased.startsWith(emailPrefix) || emailPrefix.startsWith(erased)
    ;(isAmongErased ? others : order.where).push(sql`deleted_at IS NULL`)
  } else if (role === adminRole) order = byTime(sql`${contains}(roles, '"admin"') > 0`)
  else if (role !== undefined) order = byTime(sql`roles <> '[]'`)
  else if (disabled === true) order = byTime(sql`disabled_at IS NOT NULL AND deleted_at IS NULL`)
  else order = byTime(sql`deleted_at IS NULL`)
  if (role !== undefined && (emailPrefix !== undefined || role !== adminRole))
    others.push(sql`${contains}(roles, ${JSON.stringify(role)}) > 0`)
  if (disabled === false) others.push(sql`disabled_at IS NULL`)
  if (disabled === true && (emailPrefix ?? role) !== undefined)
    others.push(sql`disabled_at IS NOT NULL`)
  return await findRows(client, { table, takeTurn }, order, { others, after, count })
}

function isStorable(text: string | undefined): boolean {
  return text === undefined || (text.isWellFormed() && !text.includes('\0'))
}

/** Returns the account of an address if it fits the filter, as a list. */
async function findOne(
  client: PrismaClient,
  email: string,
  { emailPrefix = '', role, disabled }: AccountFilter,
  after: AccountPosition | null,
): Promise<ListedAccount[]> {
  const account = await client.user.findUnique({ where: { email } })
  const fits =
    account?.deletedAt === null &&
    after === null &&
    email.startsWith(emailPrefix) &&
    (role === undefined || hasRole(account.roles, role)) &&
    (disabled === undefined || disabled === (account.disabledAt !== null))
  return fits ? [account] : []
}

function byTime(condition: Sql): Order {
  return {
    by: sql`created_at, id`,
    where: [condition],
    from: [],
    after: ({ createdAt, id }) => sql`(created_at, id) > (${createdAt}, ${id})`,
    upTo: ({ createdAt, id }) => sql`(created_at, id) <= (${createdAt}, ${id})`,
  }
}

/** The accounts of a range of addresses, in the order of the bytes. */
function byEmail(provider: Provider, prefix: string): Order {
  // PostgreSQL may have the order of a language.
  const email = provider === 'postgresql' ? sql`email COLLATE "C"` : sql`email`
  const end = endOfRange(prefix)
  return {
    by: email,
    where: end === null ? [] : [sql`${email} < ${end}`],
    from: [sql`${email} >= ${prefix}`],
    after: (position) => sql`${email} > ${position.email}`,
    upTo: (position) => sql`${email} <= ${position.email}`,
  }
}

// Prisma's own read of whole accounts takes twice as long.
const columns = raw(
  [
    'id, email, name, roles, claims',
    'email_verified_at AS "emailVerifiedAt"',
    'disabled_at AS "disabledAt"',
    'last_login_at AS "lastLoginAt"',
    'created_at AS "createdAt"',
    'updated_at AS "updatedAt"',
  ].join(', '),
)

/**
 * Returns the next accounts that fit. With other conditions than those of the index, it looks
 * at one window of the index after the other.
 */
async function findRows(
  client: PrismaClient,
  { table, takeTurn }: { table: string; takeTurn: () => Promise<void> },
  order: Order,
  { others, after, count }: { others: Sql[]; after: AccountPosition | null; count: number },
): Promise<ListedAccount[]> {
  const select = async (where: Sql[], limit: Sql) =>
    await client.$queryRaw<ListedAccount[]>(
      sql`SELECT ${columns} FROM ${raw(table)} WHERE ${join(where, ' AND ')} ORDER BY ${order.by} LIMIT ${limit}`,
    )
  const found: ListedAccount[] = []
  let size = others.length === 0 ? null : windowSizes.first
  let start: AccountPosition | null | undefined = after
  while (start !== undefined) {
    const next: Sql[] = [...order.where, ...(start === null ? order.from : [order.after(start)])]
    const [end]: AccountPosition[] =
      size === null ? [] : await select(next, sql`1 OFFSET ${size - 1}`)
    const where = [...next, ...others, ...(end === undefined ? [] : [order.upTo(end)])]
    found.push(...(await select(where, sql`${count - found.length}`)))
    start = found.length < count ? end : undefined
    if (start !== undefined) await takeTurn()
    size = Math.min(windowSizes.last, Number(size) * 2)
  }
  return found
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
