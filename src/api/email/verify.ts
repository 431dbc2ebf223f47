import type { Issued } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

/** The outcome of a link: a new account, or the account whose address is verified. */
export type Verified = { issued: Issued } | { account: Account }

/**
 * Takes the token of a verification or of a sign-up. The first marks the address of an account
 * as verified, and can be repeated. The second creates the account and logs it in, once. Both
 * work under either SIGNUP_MODE.
 *
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid, the account is gone or has another
 *       address, or the address of a sign-up has an account
 *   - `rate_limited`, `unavailable`
 */
export type VerifyEmail = (token: string) => Promise<Verified>

/** Each effect is one SQL statement, so single use also holds under concurrency. */
export function createVerifyEmail({
  accounts,
  linkLimits,
  signupTokens,
  verifyTokens,
  admit,
}: Pick<
  Services,
  'accounts' | 'linkLimits' | 'signupTokens' | 'verifyTokens' | 'admit'
>): VerifyEmail {
  const signUp: VerifyEmail = async (token) => {
    const { jti, ...pending } = await signupTokens.verify(token)
    await linkLimits.countUse(jti)
    // The insert alone decides whether the address is free: of concurrent uses, one wins.
    const account = await accounts.create({ ...pending, emailVerified: true })
    if (account === null) throw new Problem('invalid_one_time_token')
    return { issued: admit(account) }
  }
  return async (token) => {
    if (signupTokens.claimsKind(token)) return await signUp(token)
    const claims = verifyTokens.verify(token)
    await linkLimits.countUse(claims.jti)
    const account = verifyTokens.requireState(claims, await accounts.findById(claims.sub))
    if (account.emailVerifiedAt === null && !(await accounts.verifyEmail(account)))
      throw new Problem('invalid_one_time_token', { account: account.id })
    return { account }
  }
}
