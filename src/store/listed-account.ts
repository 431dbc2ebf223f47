import type { Account } from './accounts.js'

/** Which accounts a page lists. Absent members do not restrict it. */
export interface AccountFilter {
  /** In canonical form. */
  email?: string
  /** The beginning of an address; every character stands for itself. */
  emailPrefix?: string
  role?: string
  disabled?: boolean
}

/** The part of an account that an admin sees. */
export type ListedAccount = Pick<
  Account,
  | 'id'
  | 'email'
  | 'emailVerifiedAt'
  | 'name'
  | 'roles'
  | 'claims'
  | 'disabledAt'
  | 'lastLoginAt'
  | 'createdAt'
  | 'updatedAt'
>

/** The place of an account in the order of a list. */
export type AccountPosition = Pick<Account, 'createdAt' | 'id' | 'email'>
