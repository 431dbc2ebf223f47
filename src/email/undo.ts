import { Problem } from '../errors.js'
import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Accounts } from '../store/accounts.js'
import type { AddressTokens } from '../tokens/one-time.js'

/**
 * Gives an account its former address back, by the token of the notice that was sent there, and ends every refresh token. Both addresses are told by mail.
 * @returns the id of the account
 * @throws Problem `invalid_one_time_token` for a bad token, when the account has that address, is gone or disabled, or the address has got another account; `unavailable`
 */
export type UndoEmailChange = (token: string) => Promise<string>

/** What {@link createUndoEmailChange} needs. */
export interface UndoEmailChangeDeps { accounts: Accounts, undoTokens: AddressTokens, messages: Messages, mailer: Mailer }

/** The token decides, not what has become of password and address since: of many uses at once, one wins. */
export function createUndoEmailChange ({ accounts, undoTokens, messages, mailer }: UndoEmailChangeDeps): UndoEmailChange {
  return async (token) => {
    const { sub, email } = undoTokens.verify(token)
    // Only for the notice: the undo itself depends on nothing that a thief could change in between.
    const withdrawn = (await accounts.findById(sub))?.email
    if (withdrawn === undefined || !await accounts.restoreEmail(sub, email)) throw new Problem('invalid_one_time_token', { account: sub })
    mailer.send({ kind: 'e-mail change undone', to: withdrawn, account: sub }, async () => messages.emailWithdrawn(withdrawn))
    mailer.send({ kind: 'e-mail address restored', to: email, account: sub }, async () => messages.emailRestored(email))
    return sub
  }
}
