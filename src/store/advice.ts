import { type DriverCause, driverCause } from './faults.js'

/** Advice on the reasons of a failure: the first line that fits counts. */
const advice: Array<[reason: RegExp, text: string]> = [
  [
    /ENOENT.* open '|EACCES.* open '/,
    'DATABASE_URL names this file (sslrootcert, sslcert or sslkey). Correct the path, or its rights.',
  ],
  [
    /mkdir '/,
    'The folder of the database cannot be created. Create it, or correct the path in DATABASE_URL.',
  ],
  [
    /Unsupported URL query parameter/,
    'Remove the parameter from DATABASE_URL. A file: URL takes none.',
  ],
  [
    /NOTADB|not a database|malformed/,
    'Name another file in DATABASE_URL, or restore this one from a backup.',
  ],
  [/SQLITE_BUSY/, 'Another process holds the lock of the file. End that process, or try again.'],
  [
    /SQLITE_READONLY|readonly database/,
    'This user may not write to the file or its folder. Change their owner or rights (chown, chmod), or mount the volume for writing.',
  ],
  [
    /Unable to open|SQLITE_CANTOPEN/,
    'The path in DATABASE_URL must be a file in a folder that this user can write to.',
  ],
  [
    /\b28P01\b|password authentication failed|SASL|password must be a string/,
    'Correct user and password in DATABASE_URL. Percent-encode characters that have a meaning in URLs.',
  ],
  [
    /role .* does not exist/,
    'Create the role (CREATE ROLE … LOGIN), or correct the user in DATABASE_URL.',
  ],
  [
    /\b28000\b|pg_hba/,
    'The server does not accept this user, address or encryption: see pg_hba.conf of PostgreSQL, and sslmode in DATABASE_URL.',
  ],
  [/\b3D000\b/, 'Create the database (CREATE DATABASE), or correct its name in DATABASE_URL.'],
  [
    /\b42501\b|permission denied/,
    'Grant this role what it lacks (for migrations CREATE and USAGE on the schema), or use the role that owns the tables.',
  ],
  [
    /unsupported startup parameter/,
    'A pooler refuses the parameter. See "PgBouncer" in docs/deploy.md. Migrations need a connection that bypasses the pooler.',
  ],
  [
    /\b25006\b|read-only/,
    'This is a standby, or a database that allows no writes. DATABASE_URL must lead to the primary.',
  ],
  [/\b53300\b/, 'Raise max_connections of PostgreSQL, or start fewer processes.'],
  [
    /\b55000\b/,
    'The database does not accept connections. See ALTER DATABASE … ALLOW_CONNECTIONS.',
  ],
  [/\b57P03\b/, 'PostgreSQL is starting up or shutting down. Try again.'],
  [
    /altnames/,
    'The host in DATABASE_URL must be one of the names in the certificate of the server.',
  ],
  [
    /certificate/,
    'The certificate of the server is not trusted. Name its certificate authority: sslmode=verify-full&sslrootcert=<file>.',
  ],
  [
    /does not support SSL/,
    'The server offers no TLS. Turn TLS on there, or remove sslmode from DATABASE_URL if you trust the network.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN/,
    'The name of the host cannot be resolved. Correct the host in DATABASE_URL.',
  ],
  [
    /ECONNREFUSED|ENOENT|fetch failed/,
    'Start the database, or correct host and port in DATABASE_URL.',
  ],
  [
    /timeout|timed out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    'The server does not respond. Check host, port and firewall.',
  ],
  [
    /terminat|ECONNRESET|ConnectionClosed|57P0[12]/,
    'The database ended the connection, or went away. Try again when it is back.',
  ],
  [
    /schema is not empty/,
    'Give Latchkey a database of its own, or a PostgreSQL schema of its own (?schema= in DATABASE_URL).',
  ],
  [
    /P2021|P2022|42P01|42703|no such (table|column)/,
    'The tables are not those of this version. Restore a backup, or see the other programs that use the database.',
  ],
]

/** Returns one line for the operator: why a database cannot be used, and what to do. */
export function adviseOnDatabase(error: unknown): string {
  const { reason, clues } = read(error)
  const fits = advice.find(([pattern]) => pattern.test(clues))
  const sentence = /[.!?]$/.test(reason) ? reason : `${reason}.`
  return fits === undefined ? sentence : `${sentence} ${fits[1]}`
}

/** The reason for people, and the text that the advice is chosen by. */
function read(error: unknown): { reason: string; clues: string } {
  const cause = driverCause(error)
  // Node.js gives an error for each address of a host, and no message for all.
  const {
    message = '',
    code = '',
    errors = [{ message }],
  } = (error ?? {}) as { message?: string; code?: string; errors?: Array<{ message: string }> }
  const text = errors.map((one) => one.message).join(', ')
  const reason = cause === undefined ? lastLine(text) : wordsOf(cause, text)
  return { reason, clues: [code, cause?.kind, cause?.originalCode, reason].join(' ') }
}

function wordsOf({ kind, originalMessage, reason, host, port }: DriverCause, message: string) {
  if (kind === 'DatabaseNotReachable' && host !== undefined)
    return port === undefined ? `ENOTFOUND ${host}` : `ECONNREFUSED ${host}:${port}`
  return originalMessage ?? reason ?? lastLine(message)
}

// Prisma writes the reason below several other lines.
function lastLine(message: string): string {
  return message.split('\n').findLast((line) => line.trim() !== '') ?? 'unknown reason'
}
