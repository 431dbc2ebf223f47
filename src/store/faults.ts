import { Problem } from '../errors.js'

/** Prisma's codes for a database that is unreachable, slow, locked, full or out of connections. */
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

/** The matching kinds of the driver adapters. A raw query always has the code P2010. */
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

/** The matching words in driver messages, for errors without a known code or kind. */
const awayWords =
  /timeout|timed out|terminat|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|connection|connect\b|fetch failed|HTTP status|SQLITE_(BUSY|FULL|IOERR|CANTOPEN|READONLY)|too many clients|shutting down|starting up|No space left|is not queryable|from backend|invalid response|authenticationOk|SASL/i

/**
 * The matching codes of Node.js: errors of the operating system, such as EHOSTUNREACH, and of a
 * socket, its stream or TLS.
 */
const awayNodeCodes = /^(E(?!RR_)[A-Z0-9_]+|ERR_(SSL|TLS|SOCKET|STREAM)_\w+)$/

/**
 * The matching classes of SQLSTATE: 08 connection, 25 transaction (a read-only database, a
 * pooler's connection in a wrong state), 28 authorization, 3D unknown database, 40 rollback, 53
 * resources, 55 state of an object, 57 intervention, 58 system. Not 40002, a violated
 * constraint, and 55P04, a wrong statement.
 */
const awayStates = /^(08|25|28|3D|40(?!002)|53|55(?!P04)|57|58)\w{3}$/

/** Returns whether a write failed because a row with the same unique value exists. */
export function isDuplicate(error: unknown): boolean {
  // A raw query always has the code P2010.
  return codeOf(error) === 'P2002' || driverCause(error)?.kind === 'UniqueConstraintViolation'
}

/**
 * Waits for a query. Other errors than the following are thrown unchanged.
 *
 * @throws Problem `unavailable` if the database cannot be used now
 */
export async function available<T>(query: Promise<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    throw isAway(error) ? new Problem('unavailable', { cause: error }) : error
  }
}

/**
 * Returns whether an error means that the database cannot be used now, and not that the query
 * is wrong.
 */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error.name === 'PrismaClientValidationError') return false
  const code = codeOf(error) ?? ''
  if (error.name === 'PrismaClientInitializationError' || awayCodes.has(code)) return true
  const cause = driverCause(error)
  if (cause === undefined)
    return (
      awayNodeCodes.test(code) ||
      (!/^P\d{4}$/.test(code) && awayWords.test(`${code} ${error.message}`))
    )
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

/** The words of a driver for a failure. */
export interface DriverCause {
  kind?: string
  originalCode?: string
  originalMessage?: string
  /** Of a failed TLS handshake. */
  reason?: string
  /** Of a server that cannot be reached. */
  host?: string
  port?: number
}

/**
 * Returns the words of the driver. Prisma keeps its error in `meta.driverAdapterError.cause`,
 * or throws it unchanged.
 */
export function driverCause(error: unknown): DriverCause | undefined {
  if (!(error instanceof Error)) return undefined
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: DriverCause } } }
  return (
    meta?.driverAdapterError?.cause ??
    (error.name === 'DriverAdapterError' ? (error.cause as DriverCause) : undefined)
  )
}
