import { canonicalEmail } from '../account/email-address.js'
import { toUser } from '../account/user.js'
import { readRoles } from '../roles.js'
import type { Account, Accounts } from '../store/accounts.js'
import { printable, type Terminal } from './terminal.js'
import { allAccounts, matchingAccounts, writeAccounts } from './users-pages.js'

/** The options of `users list`. */
export interface ListOptions {
  json: boolean
  /** Whether the columns have a header line. */
  header: boolean
  /** A part of the address or the name; null for every account. */
  search: string | null
}

/**
 * `users list`: prints a line for each account in the order of the ids. The lines are columns
 * with a header, or JSON Lines.
 */
export async function listUsers(
  accounts: Accounts,
  { json, header, search }: ListOptions,
  { stdout }: Pick<Terminal, 'stdout'>,
): Promise<void> {
  const heading =
    !json && header ? columns(['e-mail', 'id', 'created', 'verified', 'disabled', 'roles']) : ''
  // A whole address is stored in its canonical form.
  const text = search === null ? null : (canonicalEmail(search) ?? search)
  const pages = text === null ? allAccounts(accounts) : matchingAccounts(accounts, text)
  try {
    await writeAccounts(pages, { heading, line: json ? asJson : asColumns }, stdout)
  } catch (error) {
    // The reader closed the pipe, such as `head`.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

function asJson(account: Account): string {
  const members = {
    ...toUser(account),
    roles: readRoles(account.roles),
    disabled_at: time(account.disabledAt),
  }
  return `${printable(JSON.stringify(members))}\n`
}

function asColumns({ email, id, createdAt, emailVerifiedAt, disabledAt, roles }: Account): string {
  return columns([
    printable(email),
    id,
    ...[createdAt, emailVerifiedAt, disabledAt].map((date) => time(date) ?? '-'),
    readRoles(roles).join(',') || '-',
  ])
}

function columns([email = '', id = '', ...times]: string[]): string {
  return `${[email.padEnd(32), id.padEnd(36), ...times.map((time) => time.padEnd(24))].join('  ').trimEnd()}\n`
}

function time(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
