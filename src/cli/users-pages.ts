import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Account, Accounts } from '../store/accounts.js'

const pageSize = 500

/** How accounts are written. */
export interface Format {
  /** Written first; empty for none. */
  heading?: string
  line: (account: Account) => string
  /** Learns after each page how many accounts were written. */
  onPage?: (written: number) => void
}

/**
 * Writes every account in the order of the ids. Only one page is held in memory, and a slow
 * reader slows down the queries. `output` stays open.
 */
export async function writeAccounts(
  accounts: Accounts,
  format: Format,
  output: Writable,
): Promise<void> {
  await pipeline(Readable.from(pages(accounts, format)), output, { end: false })
}

async function* pages(
  accounts: Accounts,
  { heading = '', line, onPage }: Format,
): AsyncGenerator<string> {
  if (heading !== '') yield heading
  let last: string | null = null
  let written = 0
  for (;;) {
    const page: Account[] = await accounts.list(last, pageSize)
    if (page.length > 0) yield page.map(line).join('')
    written += page.length
    onPage?.(written)
    if (page.length < pageSize) return
    last = String(page.at(-1)?.id)
  }
}
