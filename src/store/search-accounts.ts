import type { Provider } from './database.js'
import type { FoundAccounts } from './accounts.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/**
 * The number of accounts that one search looks at. An index cannot find a part of a text. So
 * each statement reads a bounded part of the table, and stays far from every timeout.
 */
const windowSize = 5000

/**
 * Searches the next accounts in the order of the ids for a text in the address or the name. It
 * ignores case, and every character of the text stands for itself.
 *
 * @param afterId the last id of the previous window; null for the first window
 */
export async function searchAccounts(
  client: PrismaClient,
  provider: Provider,
  text: string,
  afterId: string | null,
): Promise<FoundAccounts> {
  const after = { gt: afterId ?? '' }
  const orderBy = { id: 'asc' } as const
  const [end] = await client.user.findMany({
    where: { id: after },
    orderBy,
    skip: windowSize - 1,
    take: 1,
    select: { id: true },
  })
  const contains = toPattern(text.normalize('NFC'))
  // LIKE of SQLite ignores the case of ASCII letters, and has no such mode.
  const mode = provider === 'postgresql' ? ({ mode: 'insensitive' } as object) : {}
  const candidates = await client.user.findMany({
    where: {
      id: end ? { ...after, lte: end.id } : after,
      deletedAt: null,
      OR: [{ email: { contains, ...mode } }, { name: { contains, ...mode } }],
    },
    orderBy,
  })
  const wanted = fold(text)
  const found = candidates.filter(({ email, name }) =>
    [email, name ?? ''].some((one) => fold(one).includes(wanted)),
  )
  return { found, last: end?.id ?? null }
}

// Prisma does not escape the special characters of LIKE, and the databases fold other letters than
// ASCII differently. So the pattern finds more than the text, and the caller checks each account.
function toPattern(text: string): string {
  return text.replace(/[%_\\]|[^ -~]+/g, '%')
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase()
}
