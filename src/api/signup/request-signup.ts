import { requireEmail } from '../../account/email-address.js'
import type { Services } from '../../services.js'
import type { NewPerson, SignupCaller } from './signup.js'

/**
 * Mails a link that creates the account. Nothing is stored before the link is used. An address
 * that has an account gets a notice instead. The reply and the work are the same for every
 * address.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the address is not an e-mail address
 *   - `weak_password` if the policy refuses the password
 *   - `overloaded`, `unavailable`
 */
export type RequestSignup = (person: NewPerson, caller: SignupCaller) => Promise<void>

/** Creates {@link RequestSignup}. It hashes first; the account is looked up in the background. */
export function createRequestSignup({
  ping,
  passwords,
  signupTokens,
  mails,
}: Pick<Services, 'ping' | 'passwords' | 'signupTokens' | 'mails'>): RequestSignup {
  return async ({ email, password, name = null }, caller) => {
    const address = requireEmail(email)
    await ping()
    const passwordHash = await passwords.hashNew(password, { email: address, name }, caller)
    mails.finishSignup(address, await signupTokens.issue({ email: address, name, passwordHash }))
  }
}
