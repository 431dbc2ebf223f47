import { access, open, rename, rm } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { isReadableAccess } from '../account/admit.js'
import { readClaims } from '../custom-claims.js'
import { readRoles } from '../roles.js'
import type { FormerEmail } from '../store/email-history.js'
import { readEndedLogins } from '../store/ended-logins.js'
import type { Account, Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import { createProgress } from './progress.js'
import { printable, type Terminal } from './terminal.js'
import { allAccounts, writeAccounts } from './users-pages.js'

/**
 * `users export`: writes every account with all its data, as lines that `users import` reads.
 * It writes to the standard output or to a new file. The file appears when it is complete, and
 * only its owner can read it.
 *
 * @throws CommandError if the file exists or cannot be written, or if the standard output was
 *   closed
 */
export async function exportUsers(
  accounts: Accounts,
  file: string | null,
  terminal: Terminal,
): Promise<void> {
  const progress = createProgress(terminal)
  let count = 0
  const onPage = (written: number) => {
    count = written
    progress.show(null, `${written} accounts`)
  }
  const line = (account: Account) => {
    if (!isReadableAccess(account)) {
      progress.clear()
      terminal.stderr.write(
        `Warning: the roles or claims of ${account.id} cannot be read. They are exported as none.\n`,
      )
    }
    return toLine(account)
  }
  const write = async (output: Writable) => {
    await writeAccounts(allAccounts(accounts), { line, onPage }, output)
  }
  await (file === null ? write(terminal.stdout) : intoFile(file, write)).catch((error: unknown) => {
    progress.clear()
    throw isWriteFault(error)
      ? new CommandError(`The accounts cannot be written (${error.code}).`)
      : error
  })
  progress.clear()
  terminal.stderr.write(`${count} accounts exported\n`)
}

function toLine({
  id,
  email,
  passwordHash,
  name,
  emailVerifiedAt,
  disabledAt,
  roles,
  claims,
  tokenEpoch,
  accessVersion,
  emailHistory,
  endedLogins,
  lastLoginAt,
  createdAt,
  updatedAt,
}: Account): string {
  const former = (JSON.parse(emailHistory) as FormerEmail[]).map(({ id, email, at }) => ({
    id,
    email,
    at: new Date(at),
  }))
  const members = {
    id,
    email,
    password_hash: passwordHash,
    name,
    email_verified_at: emailVerifiedAt,
    disabled_at: disabledAt,
    roles: readRoles(roles),
    claims: readClaims(claims),
    token_epoch: tokenEpoch,
    access_version: accessVersion,
    former_emails: former,
    ended_logins: readEndedLogins(endedLogins).map(({ sid, end }) => ({
      sid,
      end: new Date(end * 1000),
    })),
    last_login_at: lastLoginAt,
    created_at: createdAt,
    updated_at: updatedAt,
  }
  return `${printable(JSON.stringify(members))}\n`
}

// A file that an interruption left has another name, so it cannot be mistaken for a complete
// export.
async function intoFile(path: string, write: (output: Writable) => Promise<void>): Promise<void> {
  const part = `${path}.part`
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    throw new CommandError('The file already exists.')
  await rm(part, { force: true })
  const file = await open(part, 'wx', 0o600)
  try {
    // A write stream of Node.js would close the file before the sync.
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        file.writeFile(chunk).then(() => {
          done()
        }, done)
      },
    })
    await write(output)
    await finished(output.end())
    await file.sync()
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

function isWriteFault(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
