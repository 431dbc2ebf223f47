import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { toUser } from '../http/schemas.js'
import type { Account, Accounts } from '../store/accounts.js'
import { printable, type Terminal } from './terminal.js'

const pageSize = 500

/** `users list`: a line for each account in the order in which they were made: columns (with a heading where a person reads them), or JSON Lines. */
export async function listUsers (accounts: Accounts, { json }: { json: boolean }, { stdout }: Pick<Terminal, 'stdout'>): Promise<void> {
  const heading = !json && stdout.isTTY === true ? columns(['e-mail', 'id', 'created', 'verified', 'disabled']) : ''
  try {
    await pipeline(Readable.from(pages(accounts, json ? asJson : asColumns, heading)), stdout, { end: false })
  } catch (error) {
    // Whoever reads has seen enough, such as `head`.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

async function * pages (accounts: Accounts, line: (account: Account) => string, heading: string): AsyncGenerator<string> {
  if (heading !== '') yield heading
  let last: string | null = null
  for (;;) {
    const page: Account[] = await accounts.list(last, pageSize)
    if (page.length > 0) yield page.map(line).join('')
    if (page.length < pageSize) return
    last = String(page.at(-1)?.id)
  }
}

function asJson (account: Account): string {
  return `${printable(JSON.stringify({ ...toUser(account), disabled_at: time(account.disabledAt) }))}\n`
}

function asColumns ({ email, id, createdAt, emailVerifiedAt, disabledAt }: Account): string {
  return columns([printable(email), id, ...[createdAt, emailVerifiedAt, disabledAt].map((date) => time(date) ?? '-')])
}

function columns ([email = '', id = '', ...times]: string[]): string {
  return `${[email.padEnd(32), id.padEnd(36), ...times.map((time) => time.padEnd(24))].join('  ').trimEnd()}\n`
}

function time (date: Date | null): string | null {
  return date?.toISOString() ?? null
}
