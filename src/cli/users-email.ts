import { canonicalEmail } from '../account/email-address.js'
import type { MailKind } from '../mail/mailer.js'
import { createMessages } from '../mail/messages.js'
import { unusableHash } from '../passwords/hash.js'
import type { Accounts } from '../store/accounts.js'
import { CommandError } from './command-error.js'
import type { Terminal } from './terminal.js'
import { findAccount } from './users-account.js'
import type { SendMails } from './users-mail.js'

/** What {@link setEmail} needs. */
export interface SetEmailDeps {
  accounts: Accounts
  terminal: Pick<Terminal, 'stdout'>
  sendMails: SendMails
  appUrl: string
  accessTokenSeconds: number
}

/**
 * `users set-email`: an operator's change of an address, for owners who cannot help themselves.
 * It ends every undo link and every refresh token, and tells the former address.
 *
 * @param verified the new address counts as verified; without it another address does not, and
 *   the same one stays as it was
 * @param resetPassword the present password stops working; the owner asks for a new one by mail
 * @throws CommandError if there is no such account, the new address is not an e-mail address,
 *   or another account has it
 */
export async function setEmail(
  who: string,
  newEmail: string,
  { verified, resetPassword }: { verified: boolean; resetPassword: boolean },
  { accounts, terminal, sendMails, appUrl, accessTokenSeconds }: SetEmailDeps,
): Promise<void> {
  const email = canonicalEmail(newEmail)
  if (email === null) throw new CommandError('The new address is not an e-mail address.')
  const account = await findAccount(accounts, who)
  const changed = await accounts.setEmail(account, {
    email,
    verified,
    ...(resetPassword && { passwordHash: unusableHash() }),
  })
  if (changed === 'email_taken')
    throw new CommandError(`Another account has ${email}. Nothing was changed.`)
  if (changed === null)
    throw new CommandError(
      'The account was changed meanwhile. Nothing was changed by this command; try again.',
    )
  const lines = [
    email === account.email
      ? `${email} keeps its address.`
      : `Changed ${account.email} to ${email}.`,
    `Its refresh tokens are dead; access tokens that are out end within ${accessTokenSeconds} s. No former address can take the account back.`,
    resetPassword
      ? 'Its password no longer works: the owner asks for a new one by mail.'
      : 'Its password still works. If another person may know it, repeat the command with --reset-password.',
  ]
  terminal.stdout.write(`${lines.join('\n')}\n`)
  if (email === account.email) return
  const kind: MailKind = 'e-mail changed'
  const message = createMessages({ appUrl }).emailChangedByOperator(account.email)
  await sendMails([{ mail: { kind, to: account.email, account: account.id }, message }])
}
