import { requireEmail } from '../../account/email-address.js'
import type { Services } from '../../services.js'

/**
 * Mails the link to verify an address again, if the address has an unverified account. The
 * reply and the work are the same for every address.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the address is not an e-mail address
 *   - `unavailable`
 */
export type ResendVerification = (email: string) => Promise<void>

/** Fails before the address is looked up. The look-up runs in the background. */
export function createResendVerification({
  ping,
  mails,
}: Pick<Services, 'ping' | 'mails'>): ResendVerification {
  return async (email) => {
    const address = requireEmail(email)
    await ping()
    mails.resendVerification(address)
  }
}
