import { randomUUID } from 'node:crypto'
import { access, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.js'
import type { Config } from '../config.js'
import { copyDatabase, CopyError } from '../store/copy-database.js'
import { filePath, parseDatabaseUrl } from '../store/database.js'
import { CommandError } from './command-error.js'
import { requireDatabase } from './open-database.js'
import type { Terminal } from './terminal.js'

const usage = `Usage: npm run backup -- [file]
   or: node dist/main.js backup [file]   (in the image, and after npm prune --omit=dev)

  Copies the SQLite database to a new file that only you can read, also while the server runs.
  Without a file, the copy is in the folder "backup" beside the database.`

/**
 * `npm run backup`: copies a SQLite database to a new file while the server runs, and checks
 * the copy. The file appears when it is complete.
 *
 * @throws CommandError if the arguments are not valid, the database is not a SQLite file, or
 *   the copy cannot be written
 */
export async function backUp(
  args: string[],
  config: Config,
  terminal: Terminal,
  clock: Clock = Date.now,
): Promise<void> {
  const [given, ...more] = args
  if (more.length > 0 || given === '' || given?.startsWith('-') === true)
    throw new CommandError(usage)
  const { DATABASE_URL: url } = config
  const database = filePath(url)
  if (database === null) throw new CommandError(otherWay(url))
  requireDatabase(config)
  const file = resolve(given ?? join(dirname(database), 'backup', fileName(clock())))
  if (await exists(file)) throw new CommandError(`${file} already exists. Nothing was changed.`)
  const accounts = await withSignals(terminal, async (signal) => await write(file, url, signal))
  terminal.stdout.write(
    `Wrote ${file}: ${accounts} accounts of ${parseDatabaseUrl(url).name}. The copy passed its check.\n${aboutKeys(config, dirname(file))}\n`,
  )
}

function otherWay(url: string): string {
  return parseDatabaseUrl(url).provider === 'postgresql'
    ? 'DATABASE_URL is a PostgreSQL database. Back it up with: pg_dump --format=custom --file=latchkey.dump "$DATABASE_URL"'
    : 'DATABASE_URL is a remote libSQL database. Use the backups of its server, or write the accounts to a file: npm run users -- export --output accounts.jsonl'
}

// Without colons, which Windows does not allow.
function fileName(now: number): string {
  return `latchkey-${new Date(now).toISOString().replace(/\.\d+/, '').replaceAll(':', '-')}.db`
}

function aboutKeys({ KEYS, KEYS_FILE }: Config, folder: string): string {
  const keys =
    KEYS === ''
      ? `the signing keys: cp -p ${resolve(KEYS_FILE)} ${folder}/`
      : 'the signing keys, which are in the setting KEYS'
  return `A full restore also needs ${keys}\nBoth are secrets. Keep them on another machine, encrypted.`
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

/** Notes a signal instead of ending at once, so that no part of a copy is left. */
async function withSignals<T>(
  terminal: Terminal,
  work: (signal: { arrived: boolean }) => Promise<T>,
): Promise<T> {
  const signal = { arrived: false }
  const onSignal = () => {
    signal.arrived = true
  }
  terminal.on('SIGINT', onSignal)
  terminal.on('SIGTERM', onSignal)
  try {
    return await work(signal)
  } finally {
    terminal.off('SIGINT', onSignal)
    terminal.off('SIGTERM', onSignal)
  }
}

// Under another name until it is complete, so that an interrupted copy cannot be mistaken for a
// backup.
async function write(file: string, url: string, signal: { arrived: boolean }): Promise<number> {
  const part = `${file}.${randomUUID()}.part`
  try {
    const accounts = await writePart(part, url, signal)
    await rename(part, file)
    await sync(dirname(file))
    return accounts
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    throw asCommandError(error, file)
  }
}

async function writePart(part: string, url: string, signal: { arrived: boolean }): Promise<number> {
  await mkdir(dirname(part), { recursive: true, mode: 0o700 })
  await (await open(part, 'wx', 0o600)).close()
  const { accounts, report } = await copyDatabase(url, part)
  // SQLite blocks this process: a signal arrives only now.
  await nextTurn()
  if (signal.arrived) throw new CommandError('Interrupted. No backup was written.')
  if (report !== 'ok')
    throw new CommandError(
      `The copy did not pass its check: ${report}. The database may be damaged. Keep earlier backups.`,
    )
  if (accounts === null)
    throw new CommandError(
      `${parseDatabaseUrl(url).name} has no accounts table. If this is the database of the server, run: npm run migrate`,
    )
  await sync(part)
  return accounts
}

function asCommandError(error: unknown, file: string): unknown {
  if (error instanceof CopyError)
    return new CommandError(`The database cannot be copied to ${file}: ${error.message}.`)
  return error instanceof Error && 'syscall' in error
    ? new CommandError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`)
    : error
}

async function sync(path: string): Promise<void> {
  const handle = await open(path)
  await handle.sync().finally(async () => {
    await handle.close()
  })
}
