import { requireEmail } from '../../account/email-address.js'
import type { Admitted } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'

/** The origin of a sign-up. */
export interface SignupCaller {
  /** The network of the caller. */
  network: string
  /** Aborts when the client has hung up. */
  signal: AbortSignal
}

/** The new person, as in the request. */
export interface NewPerson {
  email: string
  password: string
  name?: string | null
}

/**
 * Creates an account and logs it in. A mail asks to verify the address.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the address is not an e-mail address
 *   - `weak_password` if the policy refuses the password
 *   - `email_taken` if the address has an account
 *   - `overloaded`, `unavailable`
 */
export type Signup = (person: NewPerson, caller: SignupCaller) => Promise<Admitted>

/**
 * Creates {@link Signup}. It hashes before it checks the address, so that a taken address costs
 * the same time.
 */
export function createSignup({
  accounts,
  passwords,
  admitNew,
  mails,
}: Pick<Services, 'accounts' | 'passwords' | 'admitNew' | 'mails'>): Signup {
  return async ({ email, password, name = null }, caller) => {
    const address = requireEmail(email)
    const passwordHash = await passwords.hashNew(password, { email: address, name }, caller)
    // The insert alone decides whether the address is free: of concurrent sign-ups, one wins.
    const account = await accounts.create({ email: address, passwordHash, name, isLogin: true })
    if (account === null) throw new Problem('email_taken')
    mails.verifyEmail(account)
    return admitNew(account)
  }
}
