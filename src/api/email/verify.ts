import { Problem } from '../../errors.js'
import type { LinkLimits } from '../../limits/link-limits.js'
import type { Account, Accounts } from '../../store/accounts.js'
import type { IssuedTokens, IssueTokens } from '../../tokens/issue.js'
import type { OneTimeTokens } from '../../tokens/one-time-token.js'
import type { SignupTokens } from '../../tokens/signup-token.js'

/**
 * Takes the token of a verification or of a sign-up. The first marks the address of an account
 * as verified, and can be repeated. The second creates the account, once, and logs it in,
 * whatever SIGNUP_MODE is by now.
 *
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid, the account is gone or has another
 *       address, or the address of a sign-up has an account
 *   - `rate_limited`, `unavailable`
 */
export type VerifyEmail = (
  token: string,
) => Promise<{ account: Account; did: 'signup.ok' | 'email.verified'; tokens: IssuedTokens | null }>

/** What {@link createVerifyEmail} needs. */
export interface VerifyEmailDeps {
  accounts: Accounts
  linkLimits: LinkLimits
  issueTokens: IssueTokens
  signupTokens: SignupTokens
  verifyTokens: OneTimeTokens
}

/** Each effect is one statement, so single use also holds under concurrency. */
export function createVerifyEmail({
  accounts,
  linkLimits,
  issueTokens,
  signupTokens,
  verifyTokens,
}: VerifyEmailDeps): VerifyEmail {
  const signUp: VerifyEmail = async (token) => {
    const { jti, ...pending } = await signupTokens.verify(token)
    await linkLimits.countUse(jti)
    // Whether the address is free is decided by the insert alone: of many uses at once, one wins.
    const account = await accounts.create({ ...pending, emailVerified: true })
    if (account === null) throw new Problem('invalid_one_time_token')
    return { account, did: 'signup.ok', tokens: issueTokens(account) }
  }
  return async (token) => {
    if (signupTokens.claimsKind(token)) return await signUp(token)
    const claims = verifyTokens.verify(token)
    await linkLimits.countUse(claims.jti)
    const account = verifyTokens.requireState(claims, await accounts.findById(claims.sub))
    if (account.emailVerifiedAt === null && !(await accounts.verifyEmail(account)))
      throw new Problem('invalid_one_time_token', { account: account.id })
    return { account, did: 'email.verified', tokens: null }
  }
}
