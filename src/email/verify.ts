import { Problem } from '../errors.js'
import type { LinkLimits } from '../link-limits.js'
import type { Mailer } from '../mail/mailer.js'
import type { Messages } from '../mail/messages.js'
import type { Account, Accounts } from '../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../tokens/issue.js'
import type { AddressTokens, OneTimeTokens } from '../tokens/one-time.js'
import type { SignupTokens } from '../tokens/signup.js'

/**
 * Takes a token from a mail: marks the address of an account as verified, which can be done again, or gives it the new address that was asked for, once; the former address is then told, with a link to undo it if it was verified.
 * The token of a sign-up makes the account, once, and logs it in, whatever the way to sign up is by now; the others give no tokens.
 * @throws Problem `invalid_one_time_token` for a bad token, and when the account is gone or has changed since, or the address to be has got an account; `rate_limited`, `unavailable`
 */
export type VerifyEmail = (token: string) => Promise<{ account: Account, did: 'signup.ok' | 'email.verified' | 'email.changed', tokens: IssuedTokens | null }>

/** What {@link createVerifyEmail} needs. */
export interface VerifyEmailDeps { accounts: Accounts, linkLimits: LinkLimits, issueTokens: IssueTokens, signupTokens: SignupTokens, verifyTokens: OneTimeTokens, changeTokens: AddressTokens, undoTokens: AddressTokens, messages: Messages, mailer: Mailer }

/** Goes by the kind of the token. What a use changes is decided by one statement, so that what works once does so among many uses at once, too. */
export function createVerifyEmail ({ accounts, linkLimits, issueTokens, signupTokens, verifyTokens, changeTokens, undoTokens, messages, mailer }: VerifyEmailDeps): VerifyEmail {
  const signUp: VerifyEmail = async (token) => {
    const { jti, ...pending } = await signupTokens.verify(token)
    await linkLimits.countUse(jti)
    // Whether the address is free is decided by the insert alone: of many uses at once, one wins.
    const account = await accounts.create({ ...pending, emailVerified: true })
    if (account === null) throw new Problem('invalid_one_time_token')
    return { account, did: 'signup.ok', tokens: issueTokens(account) }
  }
  const verify: VerifyEmail = async (token) => {
    const claims = verifyTokens.verify(token)
    await linkLimits.countUse(claims.sub)
    const account = verifyTokens.requireState(claims, await accounts.findById(claims.sub))
    if (account.emailVerifiedAt === null && !await accounts.verifyEmail(account)) throw new Problem('invalid_one_time_token', { account: account.id })
    return { account, did: 'email.verified', tokens: null }
  }
  const change: VerifyEmail = async (token) => {
    const claims = changeTokens.verify(token)
    await linkLimits.countUse(claims.sub)
    const account = changeTokens.requireState(claims, await accounts.findById(claims.sub))
    if (!await accounts.changeEmail(account, claims.email)) throw new Problem('invalid_one_time_token', { account: account.id })
    // Whoever mistyped theirs at sign-up and mended it would otherwise give a stranger the account.
    mailer.send('e-mail changed', async () => messages.emailChanged(account.email, account.emailVerifiedAt === null ? null : undoTokens.issue(account, account.email)))
    return { account, did: 'email.changed', tokens: null }
  }
  return async (token) => {
    if (signupTokens.claimsKind(token)) return await signUp(token)
    return await (changeTokens.claimsKind(token) ? change(token) : verify(token))
  }
}
