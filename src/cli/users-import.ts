import type { FileHandle } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import type { Accounts } from '../store/accounts.js'
import type { Clash, MovedAccount } from '../store/create-many.js'
import { CommandError } from './command-error.js'
import { readLines } from './lines.js'
import { createProgress } from './progress.js'
import type { Terminal } from './terminal.js'
import { readUser } from './users-line.js'

/**
 * The number of accounts in one statement. Larger batches are not faster, and this one is
 * written within some hundredths of a second.
 */
const batchSize = 500

/** An opened source of lines. */
export interface Source {
  input: Readable
  /** The share of the source that has been read, 0 to 1; null if its size is unknown. */
  share: () => number | null
}

/** Opens the source of an import: an opened file, or the standard input if `file` is null. */
export async function openSource(file: FileHandle | null, { stdin }: Terminal): Promise<Source> {
  if (file === null) return { input: stdin, share: () => null }
  const { size } = await file.stat()
  const input = file.createReadStream()
  // A pipe has no size.
  return { input, share: () => (size === 0 ? null : Math.min(1, input.bytesRead / size)) }
}

/** The reasons for refusing a line because of another account. */
const clashes: Record<Clash['by'], string> = {
  id: 'id belongs to an account with another address',
  email: 'email belongs to an account with another id',
}

/**
 * `users import`: creates an account from each line whose address and id are free. Each batch
 * of lines is one statement, so the operator can repeat the command after an interruption.
 *
 * @returns the exit code: 0, 1 if there were bad lines, 130 after SIGINT, 143 after SIGTERM
 */
export async function importUsers(
  accounts: Accounts,
  { input, share }: Source,
  terminal: Terminal,
): Promise<number> {
  const begin = performance.now()
  const progress = createProgress(terminal)
  const count = { lines: 0, imported: 0, skipped: 0, bad: 0 }
  const batch: Array<{ number: number; user: MovedAccount }> = []
  const say = (text: string) => {
    progress.clear()
    terminal.stderr.write(`${text}\n`)
  }
  const refuse = (number: number | undefined, reason: string) => {
    count.bad++
    say(`line ${number}: ${reason}`)
  }
  const write = async () => {
    const { created, clashes: clashing } = await accounts.createMany(batch.map(({ user }) => user))
    count.imported += created
    count.skipped += batch.length - created - clashing.length
    for (const { index, by } of clashing) refuse(batch[index]?.number, clashes[by])
    batch.length = 0
    progress.show(share(), `${count.lines} lines`)
  }
  const summary = () =>
    `${count.imported} imported, ${count.skipped} skipped (existing), ${count.bad} bad`

  const stop = new AbortController()
  const onSignal = (signal: string) => {
    stop.abort(signal)
  }
  terminal.on('SIGINT', onSignal)
  terminal.on('SIGTERM', onSignal)
  let interrupted = false
  try {
    for await (const line of untilAbort(readLines(addAbortSignal(stop.signal, input)), () => {
      interrupted = true
    })) {
      count.lines = line.number
      if ('text' in line && line.text.trim() === '') continue
      const user = 'text' in line ? readUser(line.text) : line.fault
      if (typeof user === 'string') refuse(line.number, user)
      else if (batch.push({ number: line.number, user }) === batchSize) await write()
    }
    await write()
    if (count.imported > 0) await accounts.gatherStatistics()
  } catch (error) {
    say(`Stopped before the end: ${summary()}. Repeat the command to continue.`)
    throw isReadFault(error) ? new CommandError(`The file cannot be read (${error.code}).`) : error
  } finally {
    terminal.off('SIGINT', onSignal)
    terminal.off('SIGTERM', onSignal)
  }
  progress.clear()
  if (interrupted) {
    say(`Interrupted after line ${count.lines}: ${summary()}. Repeat the command to continue.`)
    return stop.signal.reason === 'SIGTERM' ? 143 : 130
  }
  terminal.stdout.write(`${summary()}, in ${((performance.now() - begin) / 1000).toFixed(1)} s\n`)
  return count.bad === 0 ? 0 : 1
}

// Ends the lines at the abort of a signal, so that the lines read so far are still written.
async function* untilAbort<T>(lines: AsyncIterable<T>, onAbort: () => void): AsyncGenerator<T> {
  try {
    yield* lines
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error
    onAbort()
  }
}

function isReadFault(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
