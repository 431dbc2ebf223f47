import { requireEmail } from '../../account/email-address.js'
import type { Issued } from '../../account/admit.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'

/** Where a sign-up comes from. */
export interface SignupCaller {
  /** The network of the caller. */
  network: string
  /** Aborts when the client has hung up. */
  signal: AbortSignal
}

/** The new person, as the request describes them. */
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
export type Signup = (person: NewPerson, caller: SignupCaller) => Promise<Issued>

/** Hashes before it asks whether the address is free, so that a taken one costs the same. */
export function createSignup({
  accounts,
  passwords,
  admitNew,
  mails,
}: Pick<Services, 'accounts' | 'passwords' | 'admitNew' | 'mails'>): Signup {
  return async ({ email, password, name = null }, caller) => {
    const address = requireEmail(email)
    const passwordHash = await passwords.hashNew(password, { email: address, name }, caller)
    // The insert alone decides whether the address is free: of many sign-ups at once, one wins.
    const account = await accounts.create({ email: address, passwordHash, name })
    if (account === null) throw new Problem('email_taken')
    mails.verifyEmail(account)
    return admitNew(account)
  }
}
