import { Problem } from '../errors.js'

/** Prisma's codes for a database that is away, slow, locked, full or out of connections. */
const away = new Set(['P1000', 'P1001', 'P1002', 'P1003', 'P1008', 'P1010', 'P1011', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'])

/** The same in the words of PostgreSQL's and SQLite's drivers, for the errors that reach us without a code of Prisma's. */
const awayWords = /timeout|timed out|terminat|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|connect|SQLITE_(BUSY|FULL|IOERR|CANTOPEN|READONLY)|too many clients|shutting down|starting up|No space left/i

/** Postgres error classes: 08 connection, 28 authorization, 3D no such database, 53 resources, 55P03 lock, 57 intervention, 58 system. */
const awayStates = /^(08|28|3D|53|57|58)|^55P03$/

/** Whether an insert met a row with the same unique value. */
export function isDuplicate (error: unknown): boolean {
  return codeOf(error) === 'P2002'
}

/** Waits for a query; a database that is away becomes Problem `unavailable`, every other failure stays what it is. */
export async function available<T> (query: Promise<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    throw isAway(error) ? new Problem('unavailable', { cause: error }) : error
  }
}

/** Whether a failure says that the database cannot be used now, rather than that the query is wrong. */
export function isAway (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error.name === 'PrismaClientInitializationError' || away.has(codeOf(error) ?? '')) return true
  const { kind, originalCode = '', originalMessage = '' } = driverCause(error)
  if (kind === 'UniqueConstraintViolation') return false
  return awayStates.test(originalCode) || awayWords.test(`${kind} ${originalCode} ${originalMessage}`) || (error.name !== 'PrismaClientValidationError' && codeOf(error) === undefined && awayWords.test(error.message))
}

function codeOf (error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : undefined
}

interface DriverCause { kind?: string, originalCode?: string, originalMessage?: string }

// Prisma keeps what the driver said in meta.driverAdapterError.cause, or throws the driver's error as it is.
function driverCause (error: Error): DriverCause {
  const meta = (error as { meta?: { driverAdapterError?: { cause?: DriverCause } } }).meta
  return meta?.driverAdapterError?.cause ?? (error.name === 'DriverAdapterError' ? error.cause as DriverCause : {})
}
