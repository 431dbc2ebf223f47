import type { AdminCaller } from '../../account/acts.js'
import { requireEmail } from '../../account/email-address.js'
import { Problem } from '../../errors.js'
import type { Services } from '../../services.js'
import type { AccountFilter, AccountPosition, ListedAccount } from '../../store/listed-account.js'
import { createAdmins } from './admins.js'
import { type Page, type PageQuery, readPage } from './pages.js'

/** The query of a search, as text. */
export interface UserQuery extends PageQuery {
  email?: string
  email_prefix?: string
  role?: string
  disabled?: string
}

/**
 * Returns a page of accounts: in the order of creation, with `email_prefix` in the order of the
 * addresses.
 *
 * @throws Problem
 *
 *   - `invalid_request` if the query or its cursor is not valid
 *   - the errors of `Admins.requireCaller`
 */
export type FindUsers = (caller: AdminCaller, query: UserQuery) => Promise<Page<ListedAccount>>

/** Creates {@link FindUsers}. */
export function createFindUsers({
  accounts,
  cursors,
  machineClients,
}: Pick<Services, 'accounts' | 'cursors' | 'machineClients'>): FindUsers {
  const { requireCaller } = createAdmins({ accounts, machineClients })
  return async (caller, query) => {
    await requireCaller(caller)
    const filter = toFilter(query)
    const byAddress = filter.emailPrefix !== undefined
    return await readPage<ListedAccount, Array<string | number>>(cursors, query, {
      query: ['users', filter],
      read: async (after, count) => await accounts.listPage(filter, toPosition(after), count),
      // The cursor travels in URLs: only a search by address has an address in it.
      positionOf: ({ createdAt, id, email }) => (byAddress ? [email] : [createdAt.getTime(), id]),
    })
  }
}

function toPosition(after: ReadonlyArray<string | number> | null): AccountPosition | null {
  if (after === null) return null
  const [first, id] = after
  return { createdAt: new Date(Number(first)), id: String(id), email: String(first) }
}

function toFilter({ email, email_prefix: prefix, role, disabled }: UserQuery): AccountFilter {
  if (email !== undefined && prefix !== undefined)
    throw invalid('email_prefix', 'cannot be used with "email"')
  return {
    ...(email !== undefined && { email: requireEmail(email, 'email') }),
    ...(prefix !== undefined && { emailPrefix: requirePrefix(prefix) }),
    ...(role !== undefined && { role }),
    ...(disabled !== undefined && { disabled: disabled === 'true' }),
  }
}

/** Returns the beginning of an address in the spelling of the stored ones. */
function requirePrefix(text: string): string {
  const prefix = text.trimStart().normalize('NFC').toLowerCase().normalize('NFC')
  if (prefix === '' || !prefix.isWellFormed() || /[\p{Cc}\p{Z}]/u.test(prefix))
    throw invalid('email_prefix', 'must be the beginning of an e-mail address')
  return prefix
}

function invalid(pointer: string, detail: string): Problem {
  return new Problem('invalid_request', { errors: [{ pointer, detail }] })
}
