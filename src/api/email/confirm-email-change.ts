import { type Confirmation, requirePassword } from '../../account/caller.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'
import { nextHistory } from './next-history.js'

/**
 * Proof that the caller has the account: the id in a verified access token, or the password.
 * Null for none.
 */
export interface Proof {
  callerId: string | null
  confirmation: Confirmation | null
}

/**
 * Changes the address of an account with the token of the mail to the new address. The former
 * address gets a notice. If it was verified, the notice has a link to take the account back.
 * The link alone is not enough: a person may have entered a stranger's address, by mistake or
 * on purpose. The stranger who clicks must not adopt the account.
 *
 * @param signal aborts when the client has hung up
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid, or the account has changed since, is gone
 *       or disabled
 *   - `missing_token` without a proof; the access token of another account counts as none
 *   - `wrong_password` if the password does not match; after ten of these the link is dead
 *   - `email_taken` if another account has the address by now
 *   - `rate_limited`, `overloaded`, `unavailable`
 */
export type ConfirmEmailChange = (
  token: string,
  proof: Proof,
  signal: AbortSignal,
) => Promise<Account>

/**
 * One statement changes the address if the account is unchanged, so single use also holds under
 * concurrency.
 */
export function createConfirmEmailChange({
  accounts,
  passwords,
  attempts,
  linkLimits,
  changeTokens,
  mails,
  clock,
}: Pick<
  Services,
  'accounts' | 'passwords' | 'attempts' | 'linkLimits' | 'changeTokens' | 'mails' | 'clock'
>): ConfirmEmailChange {
  const requireProof = async (
    account: Account,
    { callerId, confirmation }: Proof,
    signal: AbortSignal,
  ) => {
    if (callerId === account.id) return
    if (confirmation === null) {
      throw new Problem('missing_token', {
        account: account.id,
        detail: 'Send the access token of the account, or its password as "password".',
      })
    }
    const { network } = confirmation.client
    await passwords.withHashSlot({ network, signal }, async ({ matches }) => {
      await requirePassword({ matches, attempts }, account, confirmation)
    })
  }
  return async (token, proof, signal) => {
    const claims = changeTokens.verify(token)
    await linkLimits.countUse(claims.jti)
    const account = changeTokens.requireState(claims, await accounts.findById(claims.sub))
    if (account.disabledAt !== null)
      throw new Problem('invalid_one_time_token', { account: account.id })
    // Around every proof: a dead link takes no access token either.
    await linkLimits.tryLink(claims.jti, async () => {
      await requireProof(account, proof, signal)
    })
    const { column, entry } = nextHistory(account, claims.email, clock())
    const changed = await accounts.changeEmail(account, {
      email: claims.email,
      emailHistory: column,
    })
    if (changed === 'email_taken')
      throw new Problem('email_taken', {
        account: account.id,
        detail: 'Another account has this address by now. Your account keeps its current address.',
      })
    if (changed === null) throw new Problem('invalid_one_time_token', { account: account.id })
    mails.emailChanged(account, entry?.id ?? null)
    return changed
  }
}
