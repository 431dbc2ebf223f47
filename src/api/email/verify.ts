import type { Admitted } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

/** The outcome of a link: a new account, or the account whose address is verified. */
export type Verified = { admitted: Admitted } | { account: Account }

/**
 * Takes the token of a verification or of a sign-up. The first marks the address of an account
 * as verified, and can be repeated. The second creates the account and logs it in, once. Both
 * work under every SIGNUP_MODE, but `closed` refuses sign-ups.
 *
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid, the account is gone or has another
 *       address, or the address of a sign-up has an account
 *   - `signup_closed` for the token of a sign-up under `SIGNUP_MODE=closed`
 *   - `rate_limited`, `unavailable`
 */
export type VerifyEmail = (token: string) => Promise<Verified>

/** Each effect is one SQL statement, so single use also holds under concurrency. */
export function createVerifyEmail({
  config,
  accounts,
  linkLimits,
  signupTokens,
  verifyTokens,
  admit,
}: Pick<
  Services,
  'config' | 'accounts' | 'linkLimits' | 'signupTokens' | 'verifyTokens' | 'admit'
>): VerifyEmail {
  const signUp: VerifyEmail = async (token) => {
    // The link may be older than the setting. Refuse it unread: the reply is the same for every
    // address.
    if (config.SIGNUP_MODE === 'closed') throw new Problem('signup_closed')
    const { jti, ...pending } = await signupTokens.verify(token)
    await linkLimits.countUse(jti)
    // The insert alone decides whether the address is free: of concurrent uses, one wins.
    const account = await accounts.create({ ...pending, emailVerified: true, isLogin: true })
    if (account === null) throw new Problem('invalid_one_time_token')
    return { admitted: admit(account) }
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
