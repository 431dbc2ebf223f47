import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Account } from '../store/accounts.js'

/** A place in the mail queue for an invitation. Use it, or give it back. */
export interface Invitation {
  /** @param token an invite token */
  send: (token: string) => void
  cancel: () => void
}

/** Sends the mails of acts of admins and operators. Each method returns at once. */
export type AdminMails = ReturnType<typeof createAdminMails>

/** Creates {@link AdminMails}. */
export function createAdminMails({
  messages,
  mailer,
}: {
  messages: Messages
  mailer: Pick<Mailer, 'send' | 'reserve'>
}) {
  return {
    /**
     * Takes a place for an invitation, from the share of the admin who sends it. Returns null
     * if too many invitations of this admin wait.
     *
     * @param address in canonical form
     * @param inviter the id of the actor
     */
    reserveInvitation: (address: string, inviter: string): Invitation | null => {
      const place = mailer.reserve({ kind: 'invitation', to: address, account: inviter })
      if (place === null) return null
      return {
        send: (token) => {
          place.send(async () => messages.invitation(address, token))
        },
        cancel: place.cancel,
      }
    },
    /**
     * Sends a notice to the former address, without a link to undo the change.
     *
     * @param account as it was before the change
     */
    emailChanged: ({ id, email }: Pick<Account, 'id' | 'email'>): void => {
      mailer.send({ kind: 'e-mail changed', to: email, account: id }, async () =>
        messages.emailChangedByOperator(email),
      )
    },
    /** Sends a notice that an operator set a password. */
    passwordSet: ({ id, email }: Pick<Account, 'id' | 'email'>): void => {
      mailer.send({ kind: 'password changed', to: email, account: id }, async () =>
        messages.passwordSetByOperator(email),
      )
    },
    /** Sends a notice to the address of a deleted account, or to a former address. */
    accountDeleted: (address: string, { id }: Pick<Account, 'id'>): void => {
      mailer.send({ kind: 'account deleted', to: address, account: id }, async () =>
        messages.accountDeleted(address),
      )
    },
  }
}
