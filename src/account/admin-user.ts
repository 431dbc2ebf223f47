import { type Static, Type } from 'typebox'
import { type CustomClaims, maxClaimsBytes, maxClaimsLevels, readClaims } from '../custom-claims.js'
import { maxRoles, readRoles, rolePattern } from '../roles.js'
import type { ListedAccount } from '../store/listed-account.js'
import { exampleUser, toUser, UserObject } from './user.js'

/** The account in the examples of the admin API. */
export const exampleAdminUser = {
  ...exampleUser,
  roles: ['editor'],
  disabled: false,
  claims: { team: 'blue' },
  last_login_at: '2026-01-02T03:04:05.678Z',
}

/** The roles of an account. */
export const Roles = Type.Array(Type.String({ pattern: rolePattern, maxLength: 32 }), {
  maxItems: maxRoles,
  uniqueItems: true,
  description:
    'What the account may do: at most 16 names with 200 characters together. `admin` may use the admin API',
  examples: [['editor']],
})

/** The application's own claims. Their names and their size are checked by `custom-claims.ts`. */
export const Claims = Type.Unsafe<CustomClaims>({
  type: 'object',
  additionalProperties: true,
  description: `The application's own claims, top-level in access tokens: at most ${maxClaimsBytes} bytes and ${maxClaimsLevels} levels of JSON. Names with a meaning of their own in tokens are refused, such as \`sub\``,
  examples: [{ team: 'blue' }],
})

/** The schema of {@link AdminUser}. */
export const AdminUserObject = Type.Object(
  {
    ...UserObject.properties,
    roles: Roles,
    disabled: Type.Boolean({ description: 'Whether login is refused' }),
    claims: Claims,
    last_login_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description:
        'When a login or a sign-up last issued tokens (RFC 3339, UTC). Noted at most once an hour',
    }),
  },
  {
    additionalProperties: false,
    $id: 'AdminUser',
    description: 'The account, as an admin sees it',
    examples: [exampleAdminUser],
  },
)

/** The JSON of an account, as an admin sees it. */
export type AdminUser = Static<typeof AdminUserObject>

/** Returns an account as an admin sees it. */
export function toAdminUser(account: ListedAccount): AdminUser {
  return {
    ...toUser(account),
    roles: readRoles(account.roles),
    disabled: account.disabledAt !== null,
    claims: readClaims(account.claims),
    last_login_at: account.lastLoginAt?.toISOString() ?? null,
  }
}
