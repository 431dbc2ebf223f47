import type { CreatedAccounts, MovedAccount, NewAccount } from './create-many.js'

/** One person's account, as it is stored. */
export interface Account {
  /** UUIDv7 (RFC 9562 §5.7), or any UUID in lower case if the account was imported. */
  id: string
  /** In canonical form; one account per address. */
  email: string
  emailVerifiedAt: Date | null
  /** A PHC string, or an unusable hash. */
  passwordHash: string
  name: string | null
  /** Counts the events that end every refresh token of the account. */
  tokenEpoch: number
  disabledAt: Date | null
  /**
   * Former verified addresses whose owners can still take the account back, as JSON: see
   * `email-history.ts`.
   */
  emailHistory: string
  createdAt: Date
  updatedAt: Date
}

/**
 * Where accounts are kept. Every write is one statement; every method throws Problem
 * `unavailable` when the database is away.
 */
export interface Accounts {
  findById: (id: string) => Promise<Account | null>
  findByEmail: (email: string) => Promise<Account | null>
  /**
   * Answers null when the address already has an account. `emailVerified` says that the address
   * counts as verified from now on; it does not without.
   */
  create: (
    account: Omit<NewAccount, 'emailVerified'> & { emailVerified?: boolean },
  ) => Promise<Account | null>
  /**
   * Creates the accounts whose address and id are free, up to `mostNewAccounts`. The first of
   * equal addresses or ids wins. Existing accounts are not changed.
   */
  createMany: (accounts: MovedAccount[]) => Promise<CreatedAccounts>
  /**
   * A page of all accounts in the order of their ids: those after the one with the id, or the
   * first ones for `null`. Ids of accounts that were created here follow the time.
   */
  list: (afterId: string | null, count: number) => Promise<Account[]>
  /** Answers null when there is no such account or it is disabled. */
  updateName: (id: string, name: string | null) => Promise<Account | null>
  /**
   * Puts a stronger hash of the same password in place of `from`; does nothing when the hash is
   * no longer `from`.
   */
  replaceHash: (id: string, from: string, to: string) => Promise<void>
  /**
   * Puts a new password in place of the one that the hash was read of, and ends every refresh
   * token. Answers null when it is no longer that one, or the account is gone or disabled.
   */
  changePassword: (
    account: Pick<Account, 'id' | 'passwordHash'>,
    passwordHash: string,
  ) => Promise<Account | null>
  /**
   * {@link Accounts.changePassword}, by way of the mailbox: the address counts as verified from
   * then on. Answers whether it did; not when the address has changed.
   */
  resetPassword: (
    account: Pick<Account, 'id' | 'passwordHash' | 'email' | 'emailVerifiedAt'>,
    passwordHash: string,
  ) => Promise<boolean>
  /**
   * Replaces the address by a new, verified one, and the history of former addresses. Returns
   * null if the account has changed since it was read, is gone or disabled; `email_taken` if
   * another account has the address.
   */
  changeEmail: (
    account: Pick<
      Account,
      'id' | 'email' | 'emailVerifiedAt' | 'passwordHash' | 'tokenEpoch' | 'emailHistory'
    >,
    next: Pick<Account, 'email' | 'emailHistory'>,
  ) => Promise<Account | 'email_taken' | null>
  /**
   * Gives an account to the owner of a former address: the address, verified, another hash,
   * another history, no refresh token. Returns null if the history has changed since it was
   * read, or the account is gone or disabled; `email_taken` if another account has the
   * address.
   */
  takeBack: (
    account: Pick<Account, 'id' | 'emailHistory'>,
    next: Pick<Account, 'email' | 'emailHistory' | 'passwordHash'>,
  ) => Promise<Account | 'email_taken' | null>
  /**
   * Deletes the account of an address, if the address was never verified and the account was
   * created at `since` or later. Returns whether it did.
   */
  deleteUnverified: (email: string, since: Date) => Promise<boolean>
  /**
   * An operator's change of the address: ends every refresh token and every undo link, also of
   * a disabled account. The same address stays as verified as it was, unless `verified` says
   * more. Returns null if the account is gone or has another address by now; `email_taken` if
   * another account has the address.
   */
  setEmail: (
    account: Pick<Account, 'id' | 'email'>,
    next: { email: string; verified: boolean; passwordHash?: string },
  ) => Promise<Account | 'email_taken' | null>
  /**
   * Marks the address of an account as verified. Answers false when the account is gone or has
   * another address by now.
   */
  verifyEmail: (account: Pick<Account, 'id' | 'email'>) => Promise<boolean>
  /** Ends every refresh token of an account that is not disabled. Answers whether it did. */
  endRefreshTokens: (id: string) => Promise<boolean>
  /**
   * Disables an account, which ends every refresh token of it. Answers whether it did; not when
   * it was disabled before.
   */
  disable: (id: string) => Promise<boolean>
  /**
   * Takes back that an account was disabled; refresh tokens from before stay dead. Answers
   * whether it did; not when it was not disabled.
   */
  enable: (id: string) => Promise<boolean>
  /** Deletes an account, whatever has become of it. Answers whether it did. */
  delete: (id: string) => Promise<boolean>
  /**
   * Deletes an account unless it has been disabled, deleted or logged out everywhere since it
   * was read. Answers whether it did.
   */
  deleteIfUnchanged: (account: Pick<Account, 'id' | 'tokenEpoch'>) => Promise<boolean>
}
