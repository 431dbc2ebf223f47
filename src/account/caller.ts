import { Problem } from '../errors.js'
import type { Attempts, Client } from '../limits/attempts.js'
import type { Hashing } from '../passwords/passwords.js'
import type { Account, Accounts } from '../store/accounts.js'

/**
 * The account that a verified token names.
 *
 * @throws Problem `invalid_token` when the account is gone, `forbidden` when it is disabled,
 *   `unavailable`
 */
export async function requireCaller(accounts: Accounts, id: string): Promise<Account> {
  const account = await accounts.findById(id)
  if (account === null)
    throw new Problem('invalid_token', { detail: 'The account of this token is gone.' })
  if (account.disabledAt !== null) throw new Problem('forbidden')
  return account
}

/** A password that confirms a step, and the client that sent it. */
export interface Confirmation {
  password: string
  client: Client
}

/**
 * Goes on only with the password of the account; counts with the attempts to log in.
 *
 * @throws Problem `wrong_password`, `rate_limited`, `overloaded`
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
 * Does something to an account as it is now; once more where the account was changed from
 * elsewhere meanwhile, so that whoever did it need not ask again.
 *
 * @param attempt reads the account and answers null when it had changed before the end
 * @throws Problem `unavailable` when it had changed both times, and what the attempt throws
 */
export async function retryOnce<T>(attempt: () => Promise<T | null>): Promise<T> {
  const done = (await attempt()) ?? (await attempt())
  if (done === null)
    throw new Problem('unavailable', {
      detail: 'The account is being changed from elsewhere. Try again.',
    })
  return done
}
