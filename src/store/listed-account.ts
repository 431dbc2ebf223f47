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
export interface ListedAccount {
  /** UUIDv7 (RFC 9562 §5.7), or any UUID in lower case if the account was imported. */
  id: string
  /** In canonical form; one account per address. */
  email: string
  emailVerifiedAt: Date | null
  name: string | null
  /** The roles, as JSON: see `roles.ts`. */
  roles: string
  /** The application's own claims, as JSON: see `custom-claims.ts`. */
  claims: string
  disabledAt: Date | null
  /** Written at most once an hour. */
  lastLoginAt: Date | null
  createdAt: Date
  /** When a member that the owner sees last changed. */
  updatedAt: Date
}

/** The place of an account in the order of a list. */
export type AccountPosition = Pick<ListedAccount, 'createdAt' | 'id' | 'email'>
