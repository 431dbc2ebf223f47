import { Problem } from '../errors.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { Tokens } from '../tokens/tokens.js'
import { unusableHash } from '../unusable-hash.js'
import type { Actor, Acts } from './acts.js'
import { type CreatedByAdmin, rolesOf } from './administer.js'
import type { AdminMails } from './admin-mails.js'
import { refuseMachineOverAdmins } from './machine-acts.js'

/** The dependencies of {@link createInvite}. */
export interface InviteParts {
  accounts: Pick<Accounts, 'create'>
  acts: Pick<Acts, 'record'>
  mails: Pick<AdminMails, 'reserveInvitation'>
  inviteTokens: Tokens['inviteTokens']
}

/**
 * Creates an account that no password opens, and mails a link to choose one. Its use verifies
 * the address. A lost or expired link is replaced by `POST /password/forgot`.
 *
 * @throws Problem
 *
 *   - `insufficient_scope` if a machine client would make an admin
 *   - `email_taken` if the address has an account
 *   - `overloaded` if too many invitations of the actor wait for the mail server
 *   - `unavailable`
 */
export type Invite = (
  actor: Actor,
  person: Omit<CreatedByAdmin, 'passwordHash'>,
) => Promise<Account>

/** Creates {@link Invite}. It takes the place for the mail first: no invitation is lost unseen. */
export function createInvite({ accounts, acts, mails, inviteTokens }: InviteParts): Invite {
  return async (actor, person) => {
    refuseMachineOverAdmins(actor, person.roles)
    const mail = mails.reserveInvitation(person.email, actor.id)
    if (mail === null)
      throw new Problem('overloaded', {
        detail: 'Too many of your invitations wait for the mail server. Try again in a second.',
      })
    const account = await create(person).catch((error: unknown) => {
      mail.cancel()
      throw error
    })
    mail.send(inviteTokens.issue(account))
    await acts.record(actor, 'admin.user_invited', account.id, rolesOf(account))
    return account
  }

  async function create(person: Omit<CreatedByAdmin, 'passwordHash'>): Promise<Account> {
    const account = await accounts.create({ ...person, passwordHash: unusableHash() })
    if (account === null) throw new Problem('email_taken')
    return account
  }
}
