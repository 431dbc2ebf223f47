import {
  type Confirmation,
  requireCaller,
  requirePassword,
  retryOnce,
} from '../../account/caller.js'
import { Problem } from '../../errors.js'
import { addressesOf } from '../../store/email-history.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

/**
 * Actions of a caller on their own account.
 *
 * @throws Problem
 *
 *   - `invalid_token` if the account is gone
 *   - `forbidden` if it is disabled
 *   - `unavailable`
 */
export interface Me {
  read: (id: string) => Promise<Account>
  rename: (id: string, name: string | null) => Promise<Account>
  /**
   * Deletes the account with all its data. Mails notify its address and the former addresses.
   *
   * @param signal aborts when the client has hung up
   * @throws Problem
   *
   *   - `wrong_password` if the password does not match
   *   - `last_admin` if no other enabled account is an admin
   *   - `rate_limited`, `overloaded`
   */
  remove: (id: string, confirmation: Confirmation, signal: AbortSignal) => Promise<void>
}

/** Reads the account each time: an access token may outlive its account by minutes. */
export function createMe({
  accounts,
  passwords,
  attempts,
  mails,
  clock,
}: Pick<Services, 'accounts' | 'passwords' | 'attempts' | 'mails' | 'clock'>): Me {
  const read: Me['read'] = async (id) => await requireCaller(accounts, id)
  return {
    read,
    rename: async (id, name) => (await accounts.updateName(id, name)) ?? (await read(id)),
    remove: async (id, confirmation, signal) => {
      const { network } = confirmation.client
      await passwords.withHashSlot({ network, signal }, async ({ matches }) => {
        // While the password is compared, the account may be deleted, disabled, logged out
        // everywhere, or get another password. Its state after that decides.
        const deleted = await retryOnce(async () => {
          const account = await read(id)
          await requirePassword({ matches, attempts }, account, confirmation)
          const done = await accounts.delete(account, { ifUnchanged: true, keepAdmin: true })
          if (done === 'last_admin') throw new Problem('last_admin', { account: id })
          return done ? account : null
        })
        // The former addresses too: a thief may have moved the account before deleting it.
        for (const address of addressesOf(deleted, clock())) mails.accountDeleted(address, deleted)
      })
    },
  }
}
