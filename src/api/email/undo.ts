import { type FormerEmail, popFormerEmail } from '../../store/email-history.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { Account } from '../../store/accounts.js'

/**
 * Gives an account back to the owner of a former address, with the token of the notice to that
 * address. Restores the address, makes the password unusable, and revokes every refresh token.
 * The links of later changes are revoked; the links of earlier changes stay valid. An
 * unverified account that was created on the address meanwhile is deleted.
 *
 * @returns the account as it is now, and a reset token for a new password
 * @throws Problem
 *
 *   - `invalid_one_time_token` if the token is not valid or was revoked, or the account is gone or
 *       disabled
 *   - `email_taken` if another account keeps the address; the link stays valid
 *   - `rate_limited`, `unavailable`
 */
export type UndoEmailChange = (token: string) => Promise<{ account: Account; resetToken: string }>

/** The max tries while other requests change the account or sign up with the address. */
const maxTries = 5

/**
 * The max difference between the clocks of two servers, in milliseconds. One recorded the
 * change, another the sign-up.
 */
const clockLeeway = 30_000

/** Changes the history of the account by compare-and-swap. A thief can only add to its end. */
export function createUndoEmailChange({
  accounts,
  passwords,
  linkLimits,
  undoTokens,
  resetTokens,
  mails,
  clock,
}: Pick<
  Services,
  'accounts' | 'passwords' | 'linkLimits' | 'undoTokens' | 'resetTokens' | 'mails' | 'clock'
>): UndoEmailChange {
  /** Returns whether the address may be free now. The link has proven its mailbox. */
  const makeRoom = async ({ email, at }: FormerEmail) =>
    (await accounts.deleteUnverified(email, new Date(at - clockLeeway))) ||
    (await accounts.findByEmail(email)) === null

  return async (token) => {
    const { sub, jti, entry: id } = undoTokens.verify(token)
    await linkLimits.countUse(jti)
    for (let tries = 0; tries < maxTries; tries++) {
      const before = await accounts.findById(sub)
      const popped =
        before === null || before.disabledAt !== null
          ? null
          : popFormerEmail(before.emailHistory, id, clock())
      if (before === null || popped === null)
        throw new Problem('invalid_one_time_token', { account: sub })
      const { entry, column } = popped
      const account = await accounts.takeBack(before, {
        email: entry.email,
        emailHistory: column,
        passwordHash: passwords.unusableHash(),
      })
      if (account === 'email_taken') {
        if (!(await makeRoom(entry))) throw taken(sub)
      } else if (account !== null) {
        // After the commit, and without a link: the reader may be the thief.
        if (before.email !== account.email) mails.emailWithdrawn(before.email, account)
        mails.emailRestored(account)
        return { account, resetToken: resetTokens.issue(account) }
      }
    }
    throw new Problem('unavailable', {
      account: sub,
      detail: 'Another request changed the account at the same time. Try again.',
    })
  }
}

function taken(account: string): Problem {
  return new Problem('email_taken', {
    account,
    detail:
      'Another account has this address. Log in to that account, with a password reset if necessary. Then delete it or change its address, and use this link again.',
  })
}
