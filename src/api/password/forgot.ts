import { requireEmail } from '../../account/email-address.js'
import type { Services } from '../../services.js'

/**
 * Mails a link to set a new password, if the address has an account that is not disabled. The
 * reply and the work are the same for every address.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the address is not an e-mail address
 *   - `unavailable`
 */
export type ForgotPassword = (email: string) => Promise<void>

/** Fails before the address is looked up. The look-up runs in the background. */
export function createForgotPassword({
  ping,
  mails,
}: Pick<Services, 'ping' | 'mails'>): ForgotPassword {
  return async (email) => {
    const address = requireEmail(email)
    await ping()
    mails.resetPassword(address)
  }
}
