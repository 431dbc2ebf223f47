import type { AccountFilter, AccountPosition, ListedAccount } from './listed-account.js'
import type { CreatedAccounts, MovedAccount, NewAccount } from './create-many.js'

/** One person's account, as it is stored. */
export interface Account extends ListedAccount {
  /** A PHC string, or an unusable hash. */
  passwordHash: string
  /** Counts the events that revoke every refresh token of the account. */
  tokenEpoch: number
  /**
   * Counts the events that make earlier access tokens wrong: those that raise the epoch, and
   * changes of roles and claims. The claim `ver` of access tokens.
   */
  accessVersion: number
  /** When the version was last raised; null if never. */
  versionChangedAt: Date | null
  /** When the account was deleted. Its personal data is erased; the row blocks the id. */
  deletedAt: Date | null
  /**
   * Former verified addresses whose owners can still take the account back, as JSON: see
   * `email-history.ts`.
   */
  emailHistory: string
  /** Logins that were logged out, as JSON: see `ended-logins.ts`. */
  endedLogins: string
  /**
   * When a member that an admin sees last changed, but for `lastLoginAt`. Null if an earlier
   * version of the program created the account.
   */
  changedAt: Date | null
}

/** Changes of an account by an operator or an admin. Absent members stay as they are. */
export interface AccountChanges {
  name?: string | null
  /**
   * Empties the history of former addresses, and revokes every refresh token, even if it is the
   * present address. Another address is unverified unless `emailVerified` is true.
   */
  email?: string
  emailVerified?: boolean
  /** The column that `roles.ts` reads. */
  roles?: string
  /** The column that `custom-claims.ts` reads. */
  claims?: string
  /** True revokes every refresh token. */
  disabled?: boolean
  /** Revokes every refresh token. */
  passwordHash?: string
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
   * @param account `emailVerified` marks the address as verified, `isLogin` notes the present
   *   time as a login; both false by default
   */
  create: (
    account: Omit<NewAccount, 'emailVerified'> & {
      emailVerified?: boolean
      isLogin?: boolean
      roles?: string
      claims?: string
    },
  ) => Promise<Account | null>
  /**
   * Creates the accounts whose address and id are free, up to `maxNewAccounts`. If addresses or
   * ids repeat, the first wins. Existing accounts are not changed.
   */
  createMany: (accounts: MovedAccount[]) => Promise<CreatedAccounts>
  /**
   * Gathers the statistics that PostgreSQL plans queries by, after many accounts were created.
   * If that fails, PostgreSQL gathers them itself within some minutes (autovacuum).
   */
  gatherStatistics: () => Promise<void>
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
   * Deletes the account of an address, if the address was never verified, the account has no
   * roles, and was created at `since` or later. Returns whether it did.
   */
  deleteUnverified: (email: string, since: Date) => Promise<boolean>
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
  /**
   * Revokes every refresh token of an account that is not disabled. Returns whether it did.
   *
   * @param ifRoles only if the column `roles` is still this one
   */
  endRefreshTokens: (id: string, ifRoles?: string) => Promise<boolean>
  /**
   * Makes the changes of an operator or an admin in one statement, also in a disabled account.
   * Parallel changes of different members are all kept.
   *
   * @param account as it was read
   * @param keepAdmin refuse to leave the service without an enabled admin
   * @param ifSameRoles only if the roles are still those that were read
   * @returns the account as it is now; `email_taken` if another account has the address;
   *   `last_admin` if no other enabled account would have the role; null if the account is gone
   *   or was changed since it was read: read it again
   */
  change: (
    account: Account,
    changes: AccountChanges,
    options: { keepAdmin: boolean; ifSameRoles?: boolean },
  ) => Promise<Account | 'email_taken' | 'last_admin' | null>
  /**
   * Deletes an account in any state: erases its data in place, and frees the address. The row
   * blocks its id, and tells others of the deletion, until {@link Accounts.purge} removes it.
   *
   * @param account as it was read
   * @param ifUnchanged only if it was not disabled or logged out everywhere since then
   * @param keepAdmin refuse to leave the service without an enabled admin
   * @returns whether it did; `last_admin` if it was refused; false if the account is gone or
   *   was changed since it was read: read it again
   */
  delete: (
    account: Account,
    options: { ifUnchanged: boolean; keepAdmin: boolean },
  ) => Promise<boolean | 'last_admin'>
  /**
   * Removes the rows of accounts that were deleted before a time, and whose deletion every
   * receiver of webhooks has. Returns how many.
   */
  purge: (before: Date) => Promise<number>
  /** Notes the time of a login, if the account has none of the last hour. */
  recordLogin: (id: string) => Promise<void>
  /**
   * Returns a page of accounts: in the order of creation, with `emailPrefix` in the order of
   * the addresses.
   *
   * @param after the last account of the previous page; null for the first page
   */
  listPage: (
    filter: AccountFilter,
    after: AccountPosition | null,
    count: number,
  ) => Promise<ListedAccount[]>
}
