import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Account, Accounts } from '../store/accounts.js'

const pageSize = 500

/** The output format of accounts. */
export interface Format {
  /** The first text of the output. */
  heading?: string
  line: (account: Account) => string
  /** Called after each page with the number of accounts written so far. */
  onPage?: (written: number) => void
}

/**
 * Writes every account in the order of the ids, and leaves `output` open. Only one page is in
 * memory: a slow reader slows down the queries.
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
