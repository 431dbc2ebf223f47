import { CommandError } from './cli/command-error.js'
import { ConfigError } from './config.js'
import { Problem } from './errors.js'
import { redact } from './http/log.js'
import { KeyRingError } from './keys/signing-key.js'
import { PendingMigrationsError } from './store/open-store.js'

/** The errors that the operator can fix: their message is enough. Any other error is a bug. */
const known = [CommandError, ConfigError, KeyRingError, PendingMigrationsError]

/** Returns what an operator needs to know of an error; null for a bug. */
export function explain(error: unknown): string | null {
  if (known.some((kind) => error instanceof kind)) return (error as Error).message
  if (!(error instanceof Problem)) return null
  // Prisma wraps the reason, one line, in several other lines.
  const [, reason] = /Message: `([^`]+)`/.exec(String(error.cause)) ?? []
  return `The database of DATABASE_URL cannot be used: ${redact(reason ?? String(error.cause))}`
}
