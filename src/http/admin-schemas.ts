import { type Static, type TSchema, Type } from 'typebox'
import { adminEvents, cliActor, clientEvents } from '../account/acts.js'
import { AdminUserObject, exampleAdminUser } from '../account/admin-user.js'
import { rolePattern } from '../roles.js'
import { actorPattern, limitPattern, uuidPattern } from './patterns.js'

const strict = { additionalProperties: false } as const

const exampleCursor = 'MmE0ZDM1YmI1ZDk4WyIyMDI2Il0'

const NextCursor = Type.Union([Type.String(), Type.Null()], {
  description: 'The cursor of the next page; null at the end',
})

const AdminUserListObject = Type.Object(
  {
    users: Type.Array(Type.Unsafe<Static<typeof AdminUserObject>>({ $ref: 'AdminUser#' }), {
      maxItems: 200,
    }),
    next_cursor: NextCursor,
  },
  {
    ...strict,
    $id: 'AdminUserList',
    description: 'A page of accounts',
    examples: [{ users: [exampleAdminUser], next_cursor: exampleCursor }],
  },
)

const exampleEvent = {
  id: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e60',
  at: '2026-01-02T03:04:05.678Z',
  actor: '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e61',
  event: 'admin.roles_changed' as const,
  user: exampleAdminUser.id,
  request_id: 'e7c0ce3f-9f4d-4f6f-9a5b-0a63a8a7a0b1',
  details: { roles: ['editor'] },
}

const Details = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  description:
    '`changed`: the names of the changed members. `roles`: the roles that the account has now. `scopes`: those of a new machine client. `disabled`: whether it is disabled now. Never an address, a name or a claim',
})

const AuditEventObject = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'UUIDv7' }),
    at: Type.String({ format: 'date-time' }),
    actor: Type.String({
      description: `The id of the admin or machine client, or \`${cliActor}\` for an operator at the command line`,
    }),
    event: Type.String({ description: 'A stable name' }),
    user: Type.Union([Type.String(), Type.Null()], {
      description: 'The id of the account or machine client that was acted on',
    }),
    request_id: Type.Union([Type.String(), Type.Null()], {
      description: 'The `x-request-id` of the request; null at the command line',
    }),
    details: Details,
  },
  {
    ...strict,
    $id: 'AuditEvent',
    description: 'An act of an admin, a machine client or an operator',
    examples: [exampleEvent],
  },
)

/** The JSON of an act. */
export type AuditEventJson = Static<typeof AuditEventObject>

const AuditEventListObject = Type.Object(
  {
    events: Type.Array(Type.Unsafe<AuditEventJson>({ $ref: 'AuditEvent#' }), { maxItems: 200 }),
    next_cursor: NextCursor,
  },
  {
    ...strict,
    $id: 'AuditEventList',
    description: 'A page of acts, newest first',
    examples: [{ events: [exampleEvent], next_cursor: exampleCursor }],
  },
)

/** The shared schemas of the admin API. */
export const adminSchemas = [
  AdminUserObject,
  AdminUserListObject,
  AuditEventObject,
  AuditEventListObject,
]

const named = <S extends TSchema & { $id?: string }>(schema: S) =>
  Type.Unsafe<Static<S>>({ $ref: `${schema.$id}#` })

/** `AdminUser`, by its name in the contract. */
export const AdminUser = named(AdminUserObject)

/** `AdminUserList`, by its name in the contract. */
export const AdminUserList = named(AdminUserListObject)

/** `AuditEventList`, by its name in the contract. */
export const AuditEventList = named(AuditEventListObject)

/** The id of an account in a path. Text that is not a UUID names no account: 404. */
export const AccountPath = Type.Object({
  id: Type.String({ description: 'The id of the account', examples: [exampleAdminUser.id] }),
})

// The values of a query are texts, which are not converted.
const page = {
  limit: Type.Optional(Type.String({ pattern: limitPattern })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
}
const shownPage = {
  limit: Type.Optional(
    Type.Integer({
      format: 'int32',
      minimum: 1,
      maximum: 200,
      default: 50,
      description: 'The max entries of the page',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      description: '`next_cursor` of the previous page. The other parameters must be the same',
    }),
  ),
}
const users = {
  email: Type.Optional(
    Type.String({ minLength: 3, maxLength: 320, description: 'The whole address' }),
  ),
  email_prefix: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 320,
      description:
        'The beginning of the address, not with `email`. Every character stands for itself. The page is then in the order of the addresses',
    }),
  ),
  role: Type.Optional(
    Type.String({ pattern: rolePattern, description: 'Only accounts with this role' }),
  ),
}
const acts = {
  user: Type.Optional(
    Type.String({ pattern: uuidPattern, description: 'The id of the account that was acted on' }),
  ),
  actor: Type.Optional(
    Type.String({
      pattern: actorPattern,
      description: `The id of the admin or machine client, or \`${cliActor}\``,
    }),
  ),
  event: Type.Optional(
    Type.Enum([...Object.keys(adminEvents), ...Object.keys(clientEvents)], {
      description: 'The name of the event',
    }),
  ),
}

/** The query of the list of accounts. */
export const UsersQuery = Type.Object(
  { ...users, disabled: Type.Optional(Type.Enum(['true', 'false'])), ...page },
  strict,
)

/** {@link UsersQuery} for the contract. */
export const ShownUsersQuery = Type.Object({
  ...users,
  disabled: Type.Optional(
    Type.Boolean({ description: 'Only accounts that are disabled, or that are not' }),
  ),
  ...shownPage,
})

/** The query of the list of acts. */
export const AuditQuery = Type.Object({ ...acts, ...page }, strict)

/** {@link AuditQuery} for the contract. */
export const ShownAuditQuery = Type.Object({ ...acts, ...shownPage })
