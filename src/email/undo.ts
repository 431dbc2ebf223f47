import { Problem } from '../errors.js'
import type { Accounts } from '../store/accounts.js'
import type { AddressTokens } from '../tokens/one-time.js'

/**
 * Gives an account its former address back, by the token of the notice that was sent there, and ends every refresh token.
 * @throws Problem `invalid_one_time_token` for a bad token, when the account has that address, is gone or disabled, or the address has got another account; `unavailable`
 */
export type UndoEmailChange = (token: string) => Promise<void>

export function createUndoEmailChange ({ accounts, undoTokens }: { accounts: Accounts, undoTokens: AddressTokens }): UndoEmailChange {
  return async (token) => {
    const { sub, email } = undoTokens.verify(token)
    if (!await accounts.restoreEmail(sub, email)) throw new Problem('invalid_one_time_token')
  }
}
