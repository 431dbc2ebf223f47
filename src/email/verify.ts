import { Problem } from '../errors.js'
import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Accounts } from '../store/accounts.js'
import type { AddressTokens, OneTimeTokens } from '../tokens/one-time.js'

/**
 * Takes a token from a mail: marks the address of an account as verified, which can be done again, or gives it the new address that was asked for, once; the former address is then told, with a link to undo it if it was verified.
 * @throws Problem `invalid_one_time_token` for a bad token, and when the account is gone or has changed since, or the new address has got an account; `unavailable`
 */
export type VerifyEmail = (token: string) => Promise<void>

/** What {@link createVerifyEmail} needs. */
export interface VerifyEmailDeps { accounts: Accounts, verifyTokens: OneTimeTokens, changeTokens: AddressTokens, undoTokens: AddressTokens, messages: Messages, mailer: Mailer }

export function createVerifyEmail ({ accounts, verifyTokens, changeTokens, undoTokens, messages, mailer }: VerifyEmailDeps): VerifyEmail {
  const verify = async (token: string) => {
    const claims = verifyTokens.verify(token)
    const account = verifyTokens.requireState(claims, await accounts.findById(claims.sub))
    return account.emailVerifiedAt !== null || await accounts.verifyEmail(account)
  }
  const change = async (token: string) => {
    const claims = changeTokens.verify(token)
    const account = changeTokens.requireState(claims, await accounts.findById(claims.sub))
    if (!await accounts.changeEmail(account, claims.email)) return false
    mailer.send('e-mail changed', async () => messages.emailChanged(account.email, account.emailVerifiedAt === null ? null : undoTokens.issue(account, account.email)))
    return true
  }
  return async (token) => {
    const done = await (changeTokens.claimsKind(token) ? change(token) : verify(token))
    if (!done) throw new Problem('invalid_one_time_token')
  }
}
