import { Problem } from '../errors.js'
import { adminRole, hasRole } from '../roles.js'
import type { Attempts, Client } from '../limits/attempts.js'
import type { Hashing } from '../passwords/passwords.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { MachineClients } from '../store/machine-clients.js'
import type { AdminCaller } from './acts.js'

/**
 * Returns the account that a verified token names.
 *
 * @throws Problem
 *
 *   - `invalid_token` if the account is gone
 *   - `forbidden` if it is disabled
 *   - `unavailable`
 */
export async function requireCaller(accounts: Accounts, id: string): Promise<Account> {
  const account = await accounts.findById(id)
  if (account === null)
    throw new Problem('invalid_token', { detail: 'The account of this token has been deleted.' })
  if (account.disabledAt !== null) throw new Problem('forbidden')
  return account
}

/**
 * Requires that the account of a verified token is an admin now. Its token may be older than
 * the loss of the role.
 *
 * @throws Problem
 *
 *   - `missing_role` if it is not
 *   - the errors of {@link requireCaller}
 */
export async function requireAdmin(accounts: Accounts, id: string): Promise<void> {
  const { roles } = await requireCaller(accounts, id)
  if (!hasRole(roles, adminRole)) throw new Problem('missing_role')
}

/**
 * Requires that the machine client of a verified token is enabled now, and that no later event
 * ended the token.
 *
 * @throws Problem
 *
 *   - `invalid_token` if the client is gone, or the token has ended
 *   - `forbidden` if it is disabled
 *   - `unavailable`
 */
export async function requireClient(
  machineClients: Pick<MachineClients, 'findById'>,
  { id, clientVersion = 0 }: AdminCaller,
): Promise<void> {
  const client = await machineClients.findById(id)
  if (client?.disabledAt === null && clientVersion >= client.version) return
  throw client?.disabledAt
    ? new Problem('forbidden', { detail: 'The machine client has been disabled.' })
    : new Problem('invalid_token', {
        detail: 'The tokens of this machine client were ended. Get a new one with POST /token.',
      })
}

/** A password that confirms a step, and the client that sent it. */
export interface Confirmation {
  password: string
  client: Client
}

/**
 * Requires the password of the account. Counts as a login attempt.
 *
 * @throws Problem
 *
 *   - `wrong_password` if the password does not match
 *   - `rate_limited`, `overloaded`
 */
export async function requirePassword(
  { matches, attempts }: Pick<Hashing, 'matches'> & { attempts: Attempts },
  { id, email, passwordHash }: Account,
  { password, client }: Confirmation,
): Promise<void> {
  const isRight = await attempts.guard(
    email,
    client,
    async () => (await matches(password, passwordHash)) || null,
  )
  if (isRight === null) throw new Problem('wrong_password', { account: id })
}

/**
 * Runs a change of an account, and once more if another request changed the account meanwhile.
 * So the caller does not have to retry.
 *
 * @param attempt reads the account; returns null if it changed meanwhile
 * @throws Problem `unavailable` if it changed both times; the error of the attempt
 */
export async function retryOnce<T>(attempt: () => Promise<T | null>): Promise<T> {
  const done = (await attempt()) ?? (await attempt())
  if (done === null)
    throw new Problem('unavailable', {
      detail: 'Another request changed the account at the same time. Try again.',
    })
  return done
}
