import type { Attempts } from '../../limits/attempts.js'
import type { Clock } from '../../clock.js'
import {
  type Confirmation,
  requireCaller,
  requirePassword,
  untilDone,
} from '../../account/caller.js'
import { addressesOf } from '../../account/email-history.js'
import type { Mailer } from '../../mail/mailer.js'
import type { Messages } from '../../mail/messages.js'
import type { Passwords } from '../../passwords/passwords.js'
import type { Account, Accounts } from '../../store/accounts.js'

/**
 * What an account does with itself. Every function throws Problem `invalid_token` when the
 * account is gone, `forbidden` when it is disabled, `unavailable`.
 */
export interface Me {
  read: (id: string) => Promise<Account>
  rename: (id: string, name: string | null) => Promise<Account>
  /**
   * Deletes the account and all its data; its address and the former ones are told. Throws
   * Problem `wrong_password`, `rate_limited`, `overloaded`.
   *
   * @param signal aborts when the client has hung up
   */
  remove: (id: string, confirmation: Confirmation, signal: AbortSignal) => Promise<void>
}

/** What {@link createMe} needs. */
export interface MeDeps {
  accounts: Accounts
  passwords: Passwords
  attempts: Attempts
  messages: Messages
  mailer: Mailer
  clock: Clock
}

/** Goes by the account as it is now: its token may outlive it by minutes. */
export function createMe({ accounts, passwords, attempts, messages, mailer, clock }: MeDeps): Me {
  const read: Me['read'] = async (id) => await requireCaller(accounts, id)
  return {
    read,
    rename: async (id, name) => (await accounts.updateName(id, name)) ?? (await read(id)),
    remove: async (id, confirmation, signal) =>
      await passwords.inTurn(
        { network: confirmation.place.network, signal },
        async ({ matches }) => {
          // While the password is compared, the account may be deleted, disabled, logged out
          // everywhere, or get another password. What it is then decides.
          const deleted = await untilDone(async () => {
            const account = await read(id)
            await requirePassword({ matches, attempts }, account, confirmation)
            return (await accounts.delete(account)) ? account : null
          })
          // The former addresses too: a thief may have moved the account before deleting it.
          for (const to of addressesOf(deleted, clock()))
            mailer.send({ kind: 'account deleted', to, account: id }, async () =>
              messages.accountDeleted(to),
            )
        },
      ),
  }
}
