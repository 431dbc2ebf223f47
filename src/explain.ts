import { CommandError } from './cli/command-error.js'
import { ConfigError } from './config.js'
import { Problem } from './errors.js'
import { redact } from './http/log.js'
import { KeyRingError } from './keys/signing-key.js'
import { adviseOnDatabase } from './store/advice.js'
import { DatabaseError } from './store/database-error.js'

/** The errors that the operator can fix: their message is enough. Any other error is a bug. */
const known = [CommandError, ConfigError, KeyRingError, DatabaseError]

/** Returns what an operator needs to know of an error; null for a bug. */
export function explain(error: unknown): string | null {
  if (known.some((kind) => error instanceof kind)) return (error as Error).message
  if (!(error instanceof Problem)) return null
  return `The database of DATABASE_URL cannot be used: ${redact(adviseOnDatabase(error.cause))}`
}
