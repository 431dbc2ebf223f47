import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'

/** The part of a query that asks for a page, as text. */
export interface PageQuery {
  limit?: string
  cursor?: string
}

/** A page of a list, and the cursor of the next one; null at the end. */
export interface Page<T> {
  entries: T[]
  nextCursor: string | null
}

/** The parts that the pages of a list need. */
export interface ListParts<T, P> {
  /** The name of the list, and its filters: a cursor is bound to them. */
  query: unknown
  /** @param after the position of the last entry of the previous page; null for the first page */
  read: (after: P | null, count: number) => Promise<T[]>
  /** Returns the position of an entry. */
  positionOf: (entry: T) => P
}

const defaultLimit = 50

/**
 * Reads one page of a list. One entry more is read, to know whether there is a next page.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the cursor was not issued for this query
 *   - `unavailable`
 */
export async function readPage<T, P extends ReadonlyArray<string | number>>(
  cursors: Services['cursors'],
  { limit = String(defaultLimit), cursor }: PageQuery,
  { query, read, positionOf }: ListParts<T, P>,
): Promise<Page<T>> {
  const [name, count] = [JSON.stringify(query), Number(limit)]
  const after = cursor === undefined ? null : cursors.open(name, cursor)
  if (cursor !== undefined && after === null)
    throw new Problem('invalid_request', {
      errors: [{ pointer: 'cursor', detail: 'is not the next_cursor of a page of this query' }],
    })
  const found = await read(after as P | null, count + 1)
  const entries = found.slice(0, count)
  const last = entries.at(-1)
  return {
    entries,
    nextCursor:
      found.length > count && last !== undefined ? cursors.seal(name, positionOf(last)) : null,
  }
}
