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
  /** Counts the events that revoke every refresh token of the account. */
  tokenEpoch: number
  disabledAt: Date | null
  /**
   * Former verified addresses whose owners can still take the account back, as JSON: see
   * `email-history.ts`.
   */
  emailHistory: string
  /** Logins that were logged out, as JSON: see `ended-logins.ts`. */
  endedLogins: string
  createdAt: Date
  updatedAt: Date
}

/** The accounts of one window of a search. */
export interface FoundAccounts {
  found: Account[]
  /** The last id that was looked at; null at the end of the table. */
  last: string | null
}

/**
 * The stored accounts. Every write is one statement. A statement that revokes every refresh
 * token also empties the list of ended logins. Every method throws Problem `unavailable` if the
 * database cannot be reached.
 */
export interface Accounts {
  findById: (id: string) => Promise<Account | null>
  findByEmail: (email: string) => Promise<Account | null>
  /**
   * Returns null if the address already has an account.
   *
   * @param account `emailVerified` marks the address as verified; false by default
   */
  create: (
    account: Omit<NewAccount, 'emailVerified'> & { emailVerified?: boolean },
  ) => Promise<Account | null>
  /**
   * Creates the accounts whose address and id are free, up to `maxNewAccounts`. If addresses or
   * ids repeat, the first wins. Existing accounts are not changed.
   */
  createMany: (accounts: MovedAccount[]) => Promise<CreatedAccounts>
  /**
   * Returns a page of all accounts, ordered by id. Ids of accounts that were created here are
   * in the order of creation.
   *
   * @param afterId the last id of the previous page; null for the first page
   */
  list: (afterId: string | null, count: number) => Promise<Account[]>
  /**
   * Searches the next accounts, in the order of {@link Accounts.list}, for a text in the address
   * or the name. It ignores case.
   *
   * @param afterId `last` of the previous call; null for the first
   */
  search: (text: string, afterId: string | null) => Promise<FoundAccounts>
  /** Returns null if the account is gone or disabled. */
  updateName: (id: string, name: string | null) => Promise<Account | null>
  /**
   * Replaces the hash `from` by a stronger hash of the same password. Does nothing if the
   * account has another hash by now.
   */
  replaceHash: (id: string, from: string, to: string) => Promise<void>
  /**
   * Replaces the password and revokes every refresh token. Returns null if the account has
   * another hash than `account` by now, is gone or disabled.
   */
  changePassword: (
    account: Pick<Account, 'id' | 'passwordHash'>,
    passwordHash: string,
  ) => Promise<Account | null>
  /**
   * {@link Accounts.changePassword} after a proof of the mailbox: the address counts as verified
   * from now on. Returns whether it replaced the password. It does not if the address has
   * changed.
   */
  resetPassword: (
    account: Pick<Account, 'id' | 'passwordHash' | 'email' | 'emailVerifiedAt'>,
    passwordHash: string,
  ) => Promise<boolean>
  /**
   * Sets a password for an operator, also of a disabled account, and revokes every refresh
   * token. Returns false if the account is gone or has another address by now.
   */
  setPassword: (account: Pick<Account, 'id' | 'email'>, passwordHash: string) => Promise<boolean>
  /**
   * Replaces the address by a new, verified one, and replaces the history of former addresses.
   * Returns null if the account has changed since it was read, is gone or disabled. Returns
   * `email_taken` if another account has the address.
   */
  changeEmail: (
    account: Pick<
      Account,
      'id' | 'email' | 'emailVerifiedAt' | 'passwordHash' | 'tokenEpoch' | 'emailHistory'
    >,
    next: Pick<Account, 'email' | 'emailHistory'>,
  ) => Promise<Account | 'email_taken' | null>
  /**
   * Gives an account back to the owner of a former address. Sets the address as verified,
   * replaces hash and history, and revokes every refresh token. Returns null if the history has
   * changed since it was read, or the account is gone or disabled. Returns `email_taken` if
   * another account has the address.
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
   * Changes the address for an operator, also of a disabled account. Revokes every refresh
   * token and every undo link. The same address stays as verified as it was, unless `verified`
   * is true. Returns null if the account is gone or has another address by now. Returns
   * `email_taken` if another account has the address.
   */
  setEmail: (
    account: Pick<Account, 'id' | 'email'>,
    next: { email: string; verified: boolean; passwordHash?: string },
  ) => Promise<Account | 'email_taken' | null>
  /**
   * Marks the address of an account as verified. Returns false if the account is gone or has
   * another address by now.
   */
  verifyEmail: (account: Pick<Account, 'id' | 'email'>) => Promise<boolean>
  /**
   * Replaces the list of ended logins. Returns false if the list has changed since it was read,
   * or the account is gone or disabled.
   *
   * @param next null if the list is full: revokes every refresh token instead
   */
  endLogin: (account: Pick<Account, 'id' | 'endedLogins'>, next: string | null) => Promise<boolean>
  /** Revokes every refresh token of an account that is not disabled. Returns whether it did. */
  endRefreshTokens: (id: string) => Promise<boolean>
  /**
   * Disables an account and revokes its refresh tokens. Returns false if it was disabled
   * already.
   */
  disable: (id: string) => Promise<boolean>
  /**
   * Enables a disabled account. Its earlier refresh tokens stay revoked. Returns false if it
   * was not disabled.
   */
  enable: (id: string) => Promise<boolean>
  /** Deletes an account in any state. Returns whether it did. */
  delete: (id: string) => Promise<boolean>
  /**
   * Deletes an account unless it was disabled, deleted or logged out everywhere since it was
   * read. Returns whether it did.
   */
  deleteIfUnchanged: (account: Pick<Account, 'id' | 'tokenEpoch'>) => Promise<boolean>
}
