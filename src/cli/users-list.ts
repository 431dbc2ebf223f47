import { toUser } from '../account/user.js'
import type { Account, Accounts } from '../store/accounts.js'
import { printable, type Terminal } from './terminal.js'
import { writeAccounts } from './users-pages.js'

/**
 * `users list`: prints a line for each account in the order of the ids. The lines are columns,
 * with a heading on a terminal, or JSON Lines.
 */
export async function listUsers(
  accounts: Accounts,
  { json }: { json: boolean },
  { stdout }: Pick<Terminal, 'stdout'>,
): Promise<void> {
  const heading =
    !json && stdout.isTTY === true
      ? columns(['e-mail', 'id', 'created', 'verified', 'disabled'])
      : ''
  try {
    await writeAccounts(accounts, { heading, line: json ? asJson : asColumns }, stdout)
  } catch (error) {
    // The reader closed the pipe, such as `head`.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

function asJson(account: Account): string {
  return `${printable(JSON.stringify({ ...toUser(account), disabled_at: time(account.disabledAt) }))}\n`
}

function asColumns({ email, id, createdAt, emailVerifiedAt, disabledAt }: Account): string {
  return columns([
    printable(email),
    id,
    ...[createdAt, emailVerifiedAt, disabledAt].map((date) => time(date) ?? '-'),
  ])
}

function columns([email = '', id = '', ...times]: string[]): string {
  return `${[email.padEnd(32), id.padEnd(36), ...times.map((time) => time.padEnd(24))].join('  ').trimEnd()}\n`
}

function time(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
