import t from 'tap'
import { Problem } from '../../src/errors.js'
import { available, isAway, isDuplicate } from '../../src/store/faults.js'

interface Words {
  name?: string
  code?: unknown
  message?: string
  kind?: string
  originalCode?: string
  originalMessage?: string
}

/** An error as Prisma throws it, with what the driver said inside. */
function failure({
  name = 'PrismaClientKnownRequestError',
  code,
  message = '',
  ...cause
}: Words): Error {
  const meta = Object.keys(cause).length === 0 ? {} : { meta: { driverAdapterError: { cause } } }
  return Object.assign(new Error(message), { name, ...(code !== undefined && { code }), ...meta })
}

const away: Words[] = [
  ...[
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
  ].map((code) => ({ code })),
  ...[
    'DatabaseNotReachable',
    'DatabaseDoesNotExist',
    'DatabaseAccessDenied',
    'AuthenticationFailed',
    'ConnectionClosed',
    'TlsConnectionError',
    'TooManyConnections',
    'SocketTimeout',
    'TransactionWriteConflict',
  ].map((kind) => ({ code: 'P2010', kind })),
  ...['28000', '28P01', '3D000', '58000', '58030'].map((originalCode) => ({
    code: 'P2039',
    kind: 'postgres',
    originalCode,
  })),
  ...[
    'SQLITE_BUSY: database is locked',
    'SQLITE_FULL: database or disk is full',
    'SQLITE_IOERR: disk I/O error',
    'SQLITE_READONLY: attempt to write a readonly database',
    'SQLITE_CANTOPEN: unable to open database file',
  ].map((originalMessage) => ({
    code: 'P2039',
    kind: 'sqlite',
    originalCode: '1',
    originalMessage,
  })),
  { name: 'PrismaClientInitializationError', message: 'anything' },
  { name: 'Error', message: 'timeout exceeded when trying to connect' },
  { name: 'Error', message: 'Query read timeout' },
  { name: 'Error', message: 'Connection terminated unexpectedly' },
  { name: 'Error', message: 'Client has encountered a connection error and is not queryable' },
  { name: 'Error', code: 'ECONNRESET', message: 'read ECONNRESET' },
  {
    name: 'Error',
    code: '',
    message: 'ConnectionFailed("Unable to open connection to local database /x: 14")',
  },
  { name: 'AggregateError', code: 'ECONNREFUSED', message: '' },
  { name: 'AggregateError', code: 'ETIMEDOUT', message: '' },
  ...['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EMFILE', 'EAI_FAIL'].map((code) => ({
    name: 'Error',
    code,
    message: `read ${code}`,
  })),
  ...[
    'ERR_SSL_BAD_RECORD_TYPE',
    'ERR_TLS_HANDSHAKE',
    'ERR_SOCKET_CLOSED',
    'ERR_STREAM_DESTROYED',
  ].map((code) => ({ name: 'Error', code, message: 'x' })),
  { name: 'Error', message: 'Client was closed and is not queryable' },
  { name: 'Error', message: 'Received unexpected dataRow message from backend.' },
  { name: 'error', message: 'received invalid response: 48' },
  { name: 'Error', message: 'Unknown authenticationOk message type 99' },
  { name: 'Error', message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string' },
  { name: 'TypeError', message: 'fetch failed' },
  {
    name: 'LibsqlError',
    code: 'SERVER_ERROR',
    message: 'SERVER_ERROR: Server returned HTTP status 401',
  },
]

const ours: Words[] = [
  {
    code: 'P2002',
    kind: 'UniqueConstraintViolation',
    originalCode: '23505',
    originalMessage: 'Key (email)=(timeout@connection.example) already exists.',
  },
  {
    code: 'P2002',
    kind: 'UniqueConstraintViolation',
    originalCode: '2067',
    originalMessage: 'SQLITE_CONSTRAINT: UNIQUE constraint failed: users.email',
  },
  {
    code: 'P2010',
    kind: 'postgres',
    originalCode: '42601',
    originalMessage: 'syntax error at or near "x"',
  },
  {
    code: 'P2010',
    kind: 'sqlite',
    originalCode: '531',
    originalMessage: 'SQLITE_CONSTRAINT: commit hook',
  },
  {
    code: 'P2021',
    kind: 'TableDoesNotExist',
    originalCode: '42P01',
    originalMessage: 'relation "users" does not exist',
  },
  {
    code: 'P2039',
    kind: 'postgres',
    originalCode: '22021',
    originalMessage: 'invalid byte sequence for encoding "UTF8": 0x00',
  },
  {
    code: 'P2018',
    message: 'The required connected records were not found. Lost connection of a relation.',
  },
  { code: 'P2025', message: 'timeout' },
  {
    name: 'PrismaClientValidationError',
    message: 'Argument `timeout` of the connection is missing',
  },
  { name: 'TypeError', message: 'x is not a function' },
  { name: 'Error', code: 42, message: 'a code that is no text' },
  { name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: 'x' },
  { name: 'DriverAdapterError', message: 'timeout', code: 'P2010', kind: 'ColumnNotFound' },
]

/**
 * Every SQLSTATE of these classes (PostgreSQL 18, appendix A), and whether the request can be
 * tried again.
 */
const states: Record<string, Record<string, boolean>> = {
  '08 connection': {
    '08000': true,
    '08001': true,
    '08003': true,
    '08004': true,
    '08006': true,
    '08007': true,
    '08P01': true,
  },
  '25 transaction: a read-only database, or a connection in a wrong state': {
    '25000': true,
    '25001': true,
    '25002': true,
    '25003': true,
    '25004': true,
    '25005': true,
    '25006': true,
    '25007': true,
    '25008': true,
    '25P01': true,
    '25P02': true,
    '25P03': true,
    '25P04': true,
  },
  '40 rollback, but not of a violated constraint': {
    '40000': true,
    '40001': true,
    '40002': false,
    '40003': true,
    '40P01': true,
  },
  '53 resources': { '53000': true, '53100': true, '53200': true, '53300': true, '53400': true },
  '55 state of an object, but not a wrong statement': {
    '55000': true,
    '55006': true,
    '55P02': true,
    '55P03': true,
    '55P04': false,
  },
  '57 intervention': {
    '57000': true,
    '57014': true,
    '57P01': true,
    '57P02': true,
    '57P03': true,
    '57P04': true,
    '57P05': true,
  },
}

for (const [name, codes] of Object.entries(states))
  t.test(`SQLSTATE class ${name}`, async (t) => {
    for (const [originalCode, isRetried] of Object.entries(codes)) {
      const words = { code: 'P2039', kind: 'postgres', originalCode, originalMessage: 'x' }
      t.equal(isAway(failure(words)), isRetried, originalCode)
      const raw = Object.assign(new Error('x', { cause: { kind: 'postgres', originalCode } }), {
        name: 'DriverAdapterError',
      })
      t.equal(isAway(raw), isRetried, `${originalCode}, from the driver`)
    }
  })

t.test('what says that the database is away, and what is a fault of ours', async (t) => {
  for (const words of away) t.equal(isAway(failure(words)), true, JSON.stringify(words))
  for (const words of ours) t.equal(isAway(failure(words)), false, JSON.stringify(words))
  for (const thrown of ['timeout', null, undefined, { code: 'P1001' }])
    t.equal(isAway(thrown), false, 'what is no error')
})

t.test('an error that the driver adapter throws itself is read as well', async (t) => {
  const thrown = (cause: object) =>
    Object.assign(new Error('x', { cause }), { name: 'DriverAdapterError' })
  t.equal(isAway(thrown({ kind: 'DatabaseNotReachable' })), true)
  t.equal(
    isAway(
      thrown({
        kind: 'postgres',
        originalCode: '57P03',
        originalMessage: 'the database system is starting up',
      }),
    ),
    true,
  )
  t.equal(isAway(thrown({ kind: 'TableDoesNotExist' })), false)
  t.equal(
    isAway(new Error('x', { cause: { kind: 'DatabaseNotReachable' } })),
    false,
    'another error’s cause is not the driver’s',
  )
})

t.test(
  'available passes a result and other failures through, and keeps the cause of an absence',
  async (t) => {
    t.equal(await available(Promise.resolve(5)), 5)
    const gone = failure({ code: 'P1001' })
    const answer = await available(Promise.reject(gone)).catch((error: unknown) => error)
    t.ok(answer instanceof Problem)
    t.match(answer, { code: 'unavailable', extras: { cause: gone }, cause: gone })
    const wrong = failure({ code: 'P2021' })
    t.equal(await available(Promise.reject(wrong)).catch((error: unknown) => error), wrong)
  },
)

t.test('only a duplicate is a duplicate', async (t) => {
  t.equal(isDuplicate(failure({ code: 'P2002' })), true)
  for (const words of [...away, ...ours.slice(2)]) t.equal(isDuplicate(failure(words)), false)
})
