import { empty, join, raw, type Sql, sqltag as sql } from '@prisma/client/runtime/client'
import { noClaims } from '../custom-claims.js'
import { adminRole, hasRole, noRoles } from '../roles.js'
import { unusableHash } from '../unusable-hash.js'
import type { Account, AccountChanges, Accounts } from './accounts.js'
import type { Provider } from './database.js'
import { emptyHistory } from './email-history.js'
import { noEndedLogins } from './ended-logins.js'
import { available, isDuplicate } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { createTurns } from './turns.js'

/** Values of columns, by their names in {@link Account}. */
type Data = { [K in keyof Account]?: Account[K] | Sql | { increment: number } }

/** The values that accompany a change. */
interface Stamps {
  now: () => Date
  /** Of a change of members that the owner sees. */
  changed: () => Data
  /** Makes every access token out of date. */
  nextVersion: () => Data
  /** The same, and revokes every refresh token. */
  nextEpoch: () => Data
}

/** The max rows that one statement of a purge removes: others write in between. */
const purgeRows = 1000

/**
 * The changes of operators and admins, and deletion. A statement that takes the role `admin`
 * from an enabled account locks the rows of all admins first. Otherwise two admins who demote
 * each other at the same time would leave none.
 */
export function createAccountChanges(
  client: PrismaClient,
  { provider, table }: { provider: Provider; table: string },
  { now, changed, nextVersion, nextEpoch }: Stamps,
): Pick<Accounts, 'change' | 'delete' | 'deleteUnverified' | 'purge'> {
  const takeTurn = createTurns()
  const [isPostgres, users] = [provider === 'postgresql', raw(table)]
  const hasAdmin = sql`${raw(isPostgres ? 'strpos' : 'instr')}(roles, '"admin"') > 0`
  // SQLite has one writer at a time. The condition has the words of the index `users_admins`.
  const admins = sql`SELECT id FROM ${users} WHERE ${hasAdmin} AND disabled_at IS NULL AND deleted_at IS NULL${isPostgres ? sql` ORDER BY id FOR UPDATE` : empty}`
  // Several processes may purge at once: each takes other rows.
  const purgeable = (before: Date) => {
    const ids = sql`SELECT id FROM ${users} WHERE deleted_at < ${before} AND (changed_at < ${before} OR changed_at IS NULL) LIMIT ${purgeRows}`
    return isPostgres ? sql`id = ANY (ARRAY(${ids} FOR UPDATE SKIP LOCKED))` : sql`id IN (${ids})`
  }
  const update = async (data: Data, where: Sql[]) =>
    await client.$executeRaw(
      sql`UPDATE ${users} SET ${join(assignments(data))} WHERE ${join(where, ' AND ')}`,
    )
  /** Updates an account unless it is the last enabled admin. */
  const updateUnlessLast = async (id: string, data: Data, where: Sql[]) => {
    const count = await client.$executeRaw(
      sql`WITH admins AS (${admins}) UPDATE ${users} SET ${join(assignments(data))} WHERE ${join(where, ' AND ')} AND EXISTS (SELECT 1 FROM admins WHERE admins.id <> ${id})`,
    )
    if (count === 1) return 1
    const unchanged = await client.$queryRaw<unknown[]>(
      sql`SELECT 1 FROM ${users} WHERE ${join(where, ' AND ')}`,
    )
    return unchanged.length === 1 ? 'last_admin' : 0
  }
  const erased = (): Data => ({
    emailVerifiedAt: null,
    passwordHash: unusableHash(),
    name: null,
    roles: noRoles,
    claims: noClaims,
    ...nextEpoch(),
    emailHistory: emptyHistory,
    endedLogins: noEndedLogins,
    lastLoginAt: null,
    deletedAt: now(),
    ...changed(),
  })
  /** Erases accounts. An earlier version of the program refuses them as disabled. */
  const erase = async (where: Sql[], onlyIfNotLast: string | null) => {
    const data = {
      ...erased(),
      email: sql`'deleted:' || id`,
      disabledAt: sql`COALESCE(disabled_at, ${now()})`,
    }
    return onlyIfNotLast === null
      ? await update(data, where)
      : await updateUnlessLast(onlyIfNotLast, data, where)
  }
  return {
    change: async (account, changes, { keepAdmin, ifSameRoles = false }) => {
      const data = toData(account, changes)
      if (Object.keys(data).length === 0) return account
      const leaves = isAdmin(account) && !isAdmin({ ...account, ...(data as Partial<Account>) })
      const where = [
        sql`id = ${account.id}`,
        sql`deleted_at IS NULL`,
        ...conditions(account, changes),
        ...(ifSameRoles ? [sql`roles = ${account.roles}`] : []),
      ]
      const count = await available(
        (keepAdmin && leaves
          ? updateUnlessLast(account.id, data, where)
          : update(data, where)
        ).catch((error: unknown) => {
          if (isDuplicate(error)) return 'email_taken' as const
          throw error
        }),
      )
      if (typeof count === 'string') return count
      return count === 0
        ? null
        : await available(client.user.findUnique({ where: { id: account.id, deletedAt: null } }))
    },
    delete: async (account, { ifUnchanged, keepAdmin }) => {
      const where = [
        sql`id = ${account.id}`,
        sql`deleted_at IS NULL`,
        ...(keepAdmin ? adminAs(account) : []),
        ...(ifUnchanged
          ? [sql`token_epoch = ${account.tokenEpoch}`, sql`disabled_at IS NULL`]
          : []),
      ]
      const count = await available(erase(where, keepAdmin && isAdmin(account) ? account.id : null))
      return count === 'last_admin' ? count : count === 1
    },
    deleteUnverified: async (email, since) =>
      (await available(
        erase(
          [
            sql`email = ${email}`,
            sql`email_verified_at IS NULL`,
            sql`roles = ${noRoles}`,
            sql`created_at >= ${since}`,
          ],
          null,
        ),
      )) === 1,
    purge: async (before) => {
      let [purged, count] = [0, 0]
      // A receiver of webhooks must get to know of a deletion first.
      const { _min: slowest } = await available(
        client.webhook.aggregate({ _min: { changedAt: true } }),
      )
      const end =
        slowest.changedAt !== null && slowest.changedAt < before ? slowest.changedAt : before
      do {
        if (purged > 0) await takeTurn()
        count = await available(
          client.$executeRaw(sql`DELETE FROM ${users} WHERE ${purgeable(end)}`),
        )
        purged += count
      } while (count === purgeRows)
      return purged
    },
  }

  // The role may have been given meanwhile, and make it the last admin.
  function adminAs(account: Account): Sql[] {
    // By the words of the statement, so that they agree also on a damaged column.
    const had = account.roles.includes('"admin"')
    return [had ? hasAdmin : sql`NOT ${hasAdmin}`, disabledAs(account)]
  }

  /** Returns the state that the changes depend on. */
  function conditions(
    account: Account,
    { email, emailVerified, roles, disabled }: AccountChanges,
  ): Sql[] {
    const isOfEmail = email !== undefined || emailVerified !== undefined
    const mayEndAdmin = disabled === true || (roles !== undefined && !hasRole(roles, adminRole))
    return [
      ...(isOfEmail ? [sql`email = ${account.email}`] : []),
      ...(mayEndAdmin ? adminAs(account) : []),
      ...(disabled === false ? [disabledAs(account)] : []),
    ]
  }

  /** Returns the columns that differ from what the changes ask for. */
  function toData(account: Account, changes: AccountChanges): Data {
    const { email, emailVerified, passwordHash, disabled } = changes
    const isMoved = email !== undefined && email !== account.email
    const wasVerified = !isMoved && account.emailVerifiedAt !== null
    const isVerified = emailVerified ?? wasVerified
    const differing = <K extends 'name' | 'roles' | 'claims'>(member: K) =>
      changes[member] !== undefined && changes[member] !== account[member]
        ? { [member]: changes[member] }
        : {}
    const seen: Data = {
      ...differing('name'),
      ...differing('roles'),
      ...(isMoved && { email }),
      ...(isVerified !== (account.emailVerifiedAt !== null) || isMoved
        ? { emailVerifiedAt: isVerified ? now() : null }
        : {}),
    }
    const hidden: Data = {
      ...differing('claims'),
      ...(disabled !== undefined &&
        disabled !== (account.disabledAt !== null) && { disabledAt: disabled ? now() : null }),
    }
    const secret: Data = {
      ...(email !== undefined && { emailHistory: emptyHistory }),
      ...(passwordHash !== undefined && { passwordHash }),
    }
    const isRevoked = Object.keys(secret).length > 0 || hidden.disabledAt instanceof Date
    const isOutdated = 'roles' in seen || 'claims' in hidden
    return {
      ...seen,
      ...hidden,
      ...secret,
      ...(isRevoked ? nextEpoch() : isOutdated && nextVersion()),
      ...(Object.keys(hidden).length > 0 && { changedAt: now() }),
      ...(Object.keys(seen).length > 0 && changed()),
    }
  }
}

function disabledAs({ disabledAt }: Account): Sql {
  return disabledAt === null ? sql`disabled_at IS NULL` : sql`disabled_at IS NOT NULL`
}

function isAdmin({ roles, disabledAt }: Account): boolean {
  return disabledAt === null && hasRole(roles, adminRole)
}

function assignments(data: Data): Sql[] {
  return Object.entries(data).map(([name, value]) => {
    const column = raw(name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    return value !== null && typeof value === 'object' && 'increment' in value
      ? sql`${column} = ${column} + ${value.increment}`
      : sql`${column} = ${value}`
  })
}
