import type { Admitted } from '../../account/admit.js'
import { requireEmail } from '../../account/email-address.js'
import { Problem } from '../../errors.js'
import type { Client } from '../../limits/attempts.js'
import type { Services } from '../../services.js'

/**
 * Logs an account in.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `invalid_credentials` for a wrong password and for an unknown address, after the same work
 *   - `account_disabled`, `email_unverified`, only after the right password
 *   - `rate_limited`, also with the right password
 *   - `overloaded`, before the account is looked up
 *   - `unavailable` if the account cannot be read
 */
export type Login = (
  credentials: { email: string; password: string },
  client: Client,
  signal: AbortSignal,
) => Promise<Admitted>

/** Counts and hashes for every address, whether or not it has an account. */
export function createLogin({
  accounts,
  passwords,
  attempts,
  admit,
  noteLogin,
}: Pick<Services, 'accounts' | 'passwords' | 'attempts' | 'admit' | 'noteLogin'>): Login {
  return async ({ email, password }, client, signal) => {
    const address = requireEmail(email)
    const { network } = client
    let known: string | undefined
    // Count first: a refused caller must not occupy a slot in the hash queue.
    const found = await attempts.guard(
      address,
      client,
      async () =>
        await passwords.withHashSlot({ network, signal }, async ({ matches, upgrade }) => {
          const account = await accounts.findByEmail(address)
          known = account?.id
          const isRight = await matches(password, account?.passwordHash ?? null)
          if (account === null || !isRight) return null
          // The password is known only at this moment: replace a hash that has become too cheap
          // (ASVS 11.4.2).
          const stronger =
            account.disabledAt === null ? await upgrade(password, account.passwordHash) : null
          return { account, stronger }
        }),
    )
    if (found === null) throw new Problem('invalid_credentials', { account: known })
    const { account, stronger } = found
    const admitted = admit(account)
    if (stronger !== null)
      await accounts
        .replaceHash(account.id, account.passwordHash, stronger)
        .catch(ignoreUnavailable)
    noteLogin(account)
    return admitted
  }
}

// The password was right, and the next login replaces the hash.
function ignoreUnavailable(error: unknown): void {
  if (!(error instanceof Problem && error.code === 'unavailable')) throw error
}
