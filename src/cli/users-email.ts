import { canonicalEmail } from '../account/email-address.js'
import { unusableHash } from '../unusable-hash.js'
import { CommandError } from './command-error.js'
import {
  type ChangeUserDeps,
  changedMeanwhile,
  findAccount,
  tokensRevoked,
} from './users-account.js'
import { explainTaken } from './users-taken.js'
import { operator } from './users-operator.js'

/**
 * `users set-email`: changes the address of an account, for owners who cannot do it themselves.
 * It revokes every undo link and every refresh token, and notifies the former address.
 *
 * @param verified the new address counts as verified; otherwise a new address is unverified,
 *   and the same address keeps its state
 * @param resetPassword the current password stops working; the owner requests a new one by mail
 * @throws CommandError if the account does not exist, the new address is not valid, or another
 *   account has it
 */
export async function setEmail(
  who: string,
  newEmail: string,
  { verified, resetPassword }: { verified: boolean; resetPassword: boolean },
  { accounts, administration, terminal, accessTokenSeconds }: ChangeUserDeps,
): Promise<void> {
  const email = canonicalEmail(newEmail)
  if (email === null) throw new CommandError('The new address is not an e-mail address.')
  const account = await findAccount(accounts, who)
  const changes = {
    email,
    ...(verified && { emailVerified: true }),
    ...(resetPassword && { passwordHash: unusableHash() }),
  }
  const changed = await explainTaken(
    administration.change(operator, account, changes),
    `Another account has ${email}. Nothing was changed.`,
  )
  if (changed === null) throw new CommandError(changedMeanwhile)
  const lines = [
    email === account.email
      ? `${email} keeps its address.`
      : `Changed ${account.email} to ${email}.`,
    `${tokensRevoked(accessTokenSeconds)} No former address can take the account back.`,
    resetPassword
      ? 'Its password no longer works: the owner requests a new one by mail.'
      : 'Its password still works. If another person may know it, repeat the command with --reset-password.',
  ]
  terminal.stdout.write(`${lines.join('\n')}\n`)
}
