import { Problem } from '../errors.js'

/** Prisma's codes for a database that is away, slow, locked, full or out of connections. */
const awayCodes = new Set([
  'P1000',
  'P1001',
  'P1002',
  'P1003',
  'P1008',
  'P1010',
  'P1011',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  'P2037',
])

/** The same as the driver adapters say it; a raw query has the code P2010 whatever happened. */
const awayKinds = new Set([
  'DatabaseNotReachable',
  'DatabaseDoesNotExist',
  'DatabaseAccessDenied',
  'AuthenticationFailed',
  'ConnectionClosed',
  'TlsConnectionError',
  'TooManyConnections',
  'SocketTimeout',
  'TransactionWriteConflict',
])

/** The same in the words of the drivers, for the errors that nobody has classified. */
const awayWords =
  /timeout|timed out|terminat|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|connection|connect\b|fetch failed|HTTP status|SQLITE_(BUSY|FULL|IOERR|CANTOPEN|READONLY)|too many clients|shutting down|starting up|No space left/i

/**
 * Classes of SQLSTATE: 08 connection, 28 authorization, 3D no such database, 53 resources,
 * 55P03 lock, 57 intervention, 58 system.
 */
const awayStates = /^(08|28|3D|53|57|58)\w{3}$|^55P03$/

/** Whether an insert met a row with the same unique value. */
export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === 'P2002'
}

/**
 * Waits for a query; a database that is away becomes Problem `unavailable`, every other failure
 * stays what it is.
 */
export async function available<T>(query: Promise<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    throw isAway(error) ? new Problem('unavailable', { cause: error }) : error
  }
}

/**
 * Whether a failure says that the database cannot be used now, rather than that the query is
 * wrong.
 */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error.name === 'PrismaClientValidationError') return false
  const code = codeOf(error) ?? ''
  if (error.name === 'PrismaClientInitializationError' || awayCodes.has(code)) return true
  const cause = driverCause(error)
  if (cause === undefined)
    return !/^P\d{4}$/.test(code) && awayWords.test(`${code} ${error.message}`)
  const { kind = '', originalCode = '', originalMessage = '' } = cause
  return (
    awayKinds.has(kind) ||
    awayStates.test(originalCode) ||
    (kind !== 'UniqueConstraintViolation' && awayWords.test(originalMessage))
  )
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : undefined
}

interface DriverCause {
  kind?: string
  originalCode?: string
  originalMessage?: string
}

// Prisma keeps what the driver said in meta.driverAdapterError.cause, or throws the driver's error
// as it is.
function driverCause(error: Error): DriverCause | undefined {
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: DriverCause } } }
  return (
    meta?.driverAdapterError?.cause ??
    (error.name === 'DriverAdapterError' ? (error.cause as DriverCause) : undefined)
  )
}
