import type { MailKind } from '../mail/mailer.js'
import { createMessages } from '../mail/messages.js'
import type { Passwords } from '../passwords/passwords.js'
import { CommandError } from './command-error.js'
import { hashNewPassword } from './new-password.js'
import {
  type ChangeUserDeps,
  changedMeanwhile,
  findAccount,
  tokensRevoked,
} from './users-account.js'

/**
 * `users set-password`: sets a password by the rules of a sign-up. It revokes every refresh
 * token and every link that is bound to the previous password, and notifies the owner.
 *
 * @throws CommandError if the account does not exist, or a sign-up would refuse the password
 */
export async function setPassword(
  who: string,
  {
    accounts,
    passwords,
    terminal,
    sendMails,
    appUrl,
    accessTokenSeconds,
  }: ChangeUserDeps & { passwords: Passwords },
): Promise<void> {
  const account = await findAccount(accounts, who)
  const { id, email, disabledAt } = account
  const passwordHash = await hashNewPassword(account, { passwords, terminal })
  if (!(await accounts.setPassword(account, passwordHash))) throw new CommandError(changedMeanwhile)
  terminal.stdout.write(
    `Set the password of ${email}. ${tokensRevoked(accessTokenSeconds)}\n${disabledAt === null ? '' : 'The account is still disabled.\n'}`,
  )
  const kind: MailKind = 'password changed'
  const message = createMessages({ appUrl }).passwordSetByOperator(email)
  await sendMails([{ mail: { kind, to: email, account: id }, message }])
}
