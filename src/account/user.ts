import { type Static, Type } from 'typebox'
import { maxRoles, readRoles, rolePattern } from '../roles.js'
import type { ListedAccount } from '../store/listed-account.js'

/** The user in the examples of the contract. */
export const exampleUser = {
  id: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e5f',
  email: 'ada@example.org',
  email_verified: false,
  name: 'Ada',
  roles: [],
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:04:05.678Z',
}
const Time = (description: string) =>
  Type.String({ format: 'date-time', description: `${description} (RFC 3339, UTC)` })

/**
 * The e-mail address of a request. `canonicalEmail` decides whether it is valid, after
 * trimming.
 */
export const Email = Type.String({
  minLength: 3,
  maxLength: 320,
  description: 'Trimmed, lower-cased, Unicode NFC',
  examples: ['ada@example.org'],
})

/** The characters of a name. */
export const namePattern = '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]+$'

/** The name of a person, or null. Control characters and broken Unicode are refused. */
export const Name = Type.Union(
  [Type.String({ minLength: 1, maxLength: 200, pattern: namePattern }), Type.Null()],
  { description: 'The name of the person', examples: ['Ada'] },
)

/** The schema of {@link User}. */
export const UserObject = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7' }),
    email: Type.String(),
    email_verified: Type.Boolean(),
    name: Type.Union([Type.String(), Type.Null()]),
    roles: Type.Array(Type.String({ pattern: rolePattern }), {
      maxItems: maxRoles,
      description: 'What the account may do. Only an admin or the operator changes them',
    }),
    created_at: Time('When the account was created'),
    updated_at: Time('When a member of this object last changed'),
  },
  {
    additionalProperties: false,
    $id: 'User',
    description: 'The account, as its owner sees it',
    examples: [exampleUser],
  },
)

/** The JSON of an account, as its owner sees it. */
export type User = Static<typeof UserObject>

/** Returns an account as its owner sees it. */
export function toUser(account: ListedAccount): User {
  return {
    id: account.id,
    email: account.email,
    email_verified: account.emailVerifiedAt !== null,
    name: account.name,
    roles: readRoles(account.roles),
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
  }
}
