import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Account, Accounts, FoundAccounts } from '../store/accounts.js'

const pageSize = 500

/** The output format of accounts. */
export interface Format {
  /** The first text of the output. */
  heading?: string
  line: (account: Account) => string
  /** Called after each page with the number of accounts written so far. */
  onPage?: (written: number) => void
}

/** Every account in the order of the ids, in pages. Only one page is in memory. */
export async function* allAccounts(accounts: Pick<Accounts, 'list'>): AsyncGenerator<Account[]> {
  let last: string | null = null
  for (;;) {
    const page: Account[] = await accounts.list(last, pageSize)
    yield page
    if (page.length < pageSize) return
    last = String(page.at(-1)?.id)
  }
}

/** The accounts with a text in the address or the name, as {@link allAccounts} has them. */
export async function* matchingAccounts(
  accounts: Pick<Accounts, 'search'>,
  text: string,
): AsyncGenerator<Account[]> {
  let after: string | null = null
  do {
    const { found, last }: FoundAccounts = await accounts.search(text, after)
    yield found
    after = last
  } while (after !== null)
}

/** Writes pages of accounts, and leaves `output` open. A slow reader slows down the queries. */
export async function writeAccounts(
  pages: AsyncIterable<Account[]>,
  format: Format,
  output: Writable,
): Promise<void> {
  await pipeline(Readable.from(lines(pages, format)), output, { end: false })
}

async function* lines(
  pages: AsyncIterable<Account[]>,
  { heading = '', line, onPage }: Format,
): AsyncGenerator<string> {
  if (heading !== '') yield heading
  let written = 0
  for await (const page of pages) {
    if (page.length > 0) yield page.map(line).join('')
    written += page.length
    onPage?.(written)
  }
}
