import type { Account, AccountChanges } from '../store/accounts.js'

/** The members of an account that changes would change. */
export interface ChangedMembers {
  /** Their names, but for the roles. */
  changed: string[]
  /** The new column; undefined if the roles stay. */
  roles?: string
  /** The new state; undefined if it stays. */
  disabled?: boolean
}

/**
 * Returns which members differ from what the changes ask for. `former_emails` stands for the
 * history of former addresses, which the present address given again empties.
 */
export function membersThatChange(account: Account, changes: AccountChanges): ChangedMembers {
  const { name, email, emailVerified, roles, claims, disabled, passwordHash } = changes
  const isMoved = email !== undefined && email !== account.email
  const isVerified = account.emailVerifiedAt !== null
  const differs: Record<string, boolean> = {
    name: name !== undefined && name !== account.name,
    email: isMoved,
    email_verified: (emailVerified ?? (isMoved ? false : isVerified)) !== isVerified,
    former_emails: email === account.email,
    claims: claims !== undefined && claims !== account.claims,
    disabled: disabled !== undefined && disabled !== (account.disabledAt !== null),
    password: passwordHash !== undefined,
  }
  return {
    changed: Object.keys(differs).filter((member) => differs[member]),
    ...(roles !== undefined && roles !== account.roles && { roles }),
    ...(differs.disabled === true && disabled !== undefined && { disabled }),
  }
}
