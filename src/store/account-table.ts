import { raw, sqltag as sql } from '@prisma/client/runtime/client'
import type { Clock } from '../clock.js'
import { createAccountChanges } from './account-changes.js'
import type { Account, Accounts } from './accounts.js'
import { createMany } from './create-many.js'
import { endEveryLogin } from './ended-logins.js'
import { available, isDuplicate } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { createBatch } from './batch.js'
import type { Provider } from './database.js'
import { listPage } from './list-page.js'
import { searchAccounts } from './search-accounts.js'
import { createTurns } from './turns.js'

const hour = 3_600_000

/**
 * {@link Accounts} in the table `users`.
 *
 * @param table the name of the table in SQL, with its schema
 * @param clock stamps created_at and updated_at
 */
export function createAccounts(
  client: PrismaClient,
  { provider, table }: { provider: Provider; table: string },
  clock: Clock,
): Accounts {
  const users = client.user
  const now = () => new Date(clock())
  const nextVersion = () => ({ accessVersion: { increment: 1 }, versionChangedAt: now() })
  // The next epoch ends every login, so the list of ended logins starts again.
  const nextEpoch = () => ({
    tokenEpoch: { increment: 1 },
    endedLogins: endEveryLogin(clock()),
    ...nextVersion(),
  })
  // For changes of members that the owner sees.
  const changed = () => ({ updatedAt: now(), changedAt: now() })
  const ifFree = async <T>(writing: Promise<T>) =>
    await available(
      writing.catch((error: unknown) => {
        if (isDuplicate(error)) return null
        throw error
      }),
    )
  type Where = NonNullable<Parameters<typeof users.updateManyAndReturn>[0]['where']>
  const updateEmail = async (where: Where, data: object) => {
    const updated = await ifFree(
      users.updateManyAndReturn({
        where,
        data: { ...changed(), ...data },
      }),
    )
    return updated === null ? 'email_taken' : (updated[0] ?? null)
  }
  const waitForBatch = createBatch()
  const takeTurn = createTurns()
  const changes = createAccountChanges(
    client,
    { provider, table },
    { now, changed, nextVersion, nextEpoch },
  )
  return {
    findById: async (id) => {
      await waitForBatch()
      return present(await available(users.findUnique({ where: { id } })))
    },
    findByEmail: async (email) => present(await available(users.findUnique({ where: { email } }))),
    create: async ({
      email,
      passwordHash,
      name,
      emailVerified = false,
      isLogin = false,
      roles,
      claims,
    }) => {
      const createdAt = now()
      return await ifFree(
        users.create({
          data: {
            email,
            passwordHash,
            name,
            emailVerifiedAt: emailVerified ? createdAt : null,
            lastLoginAt: isLogin ? createdAt : null,
            ...(roles !== undefined && { roles }),
            ...(claims !== undefined && { claims }),
            createdAt,
            updatedAt: createdAt,
            changedAt: createdAt,
          },
        }),
      )
    },
    createMany: async (accounts) => await available(createMany(client, table, accounts, now())),
    gatherStatistics: async () => {
      if (provider === 'postgresql')
        await client.$executeRaw(sql`ANALYZE ${raw(table)}`).catch(() => {})
    },
    list: async (afterId, count) =>
      await available(
        users.findMany({
          where: { id: { gt: afterId ?? '' }, deletedAt: null },
          orderBy: { id: 'asc' },
          take: count,
        }),
      ),
    search: async (text, afterId) =>
      await available(searchAccounts(client, provider, text, afterId)),
    updateName: async (id, name) =>
      (
        await available(
          users.updateManyAndReturn({
            where: { id, disabledAt: null },
            data: { name, ...changed() },
          }),
        )
      )[0] ?? null,
    replaceHash: async (id, from, to) => {
      await available(
        users.updateMany({ where: { id, passwordHash: from }, data: { passwordHash: to } }),
      )
    },
    changePassword: async ({ id, passwordHash: from }, passwordHash) =>
      (
        await available(
          users.updateManyAndReturn({
            where: { id, passwordHash: from, disabledAt: null },
            data: { passwordHash, ...nextEpoch() },
          }),
        )
      )[0] ?? null,
    resetPassword: async ({ id, email, passwordHash: from, emailVerifiedAt }, passwordHash) => {
      const verified = emailVerifiedAt === null ? { emailVerifiedAt: now(), ...changed() } : {}
      return (
        (
          await available(
            users.updateMany({
              where: { id, email, passwordHash: from, disabledAt: null },
              data: { passwordHash, ...verified, ...nextEpoch() },
            }),
          )
        ).count === 1
      )
    },
    setPassword: async ({ id, email }, passwordHash) =>
      (
        await available(
          users.updateMany({
            where: { id, email, deletedAt: null },
            data: { passwordHash, ...nextEpoch() },
          }),
        )
      ).count === 1,
    changeEmail: async (
      { id, email: from, emailVerifiedAt, passwordHash, tokenEpoch, emailHistory },
      { email, emailHistory: history },
    ) =>
      await updateEmail(
        {
          id,
          email: from,
          // An address that was verified meanwhile belongs in the history. The caller built the new
          // history without it.
          emailVerifiedAt: emailVerifiedAt === null ? null : { not: null },
          passwordHash,
          tokenEpoch,
          emailHistory,
          disabledAt: null,
        },
        { email, emailHistory: history, emailVerifiedAt: now() },
      ),
    takeBack: async ({ id, emailHistory }, next) =>
      await updateEmail(
        { id, emailHistory, disabledAt: null },
        { ...next, emailVerifiedAt: now(), ...nextEpoch() },
      ),
    verifyEmail: async ({ id, email }) =>
      (
        await available(
          users.updateMany({
            where: { id, email, deletedAt: null },
            data: { emailVerifiedAt: now(), ...changed() },
          }),
        )
      ).count === 1,
    endLogin: async ({ id, endedLogins }, next) =>
      (
        await available(
          users.updateMany({
            where: { id, endedLogins, disabledAt: null },
            data: next === null ? nextEpoch() : { endedLogins: next },
          }),
        )
      ).count === 1,
    endRefreshTokens: async (id, ifRoles) =>
      (
        await available(
          users.updateMany({
            where: { id, disabledAt: null, ...(ifRoles !== undefined && { roles: ifRoles }) },
            data: nextEpoch(),
          }),
        )
      ).count === 1,
    ...changes,
    recordLogin: async (id) => {
      await available(
        users.updateMany({
          where: {
            id,
            disabledAt: null,
            OR: [{ lastLoginAt: null }, { lastLoginAt: { lt: new Date(clock() - hour) } }],
          },
          data: { lastLoginAt: now() },
        }),
      )
    },
    listPage: async (filter, after, count) =>
      await available(listPage(client, { provider, table, takeTurn }, filter, { after, count })),
  }
}

/** Returns an account that is not deleted. */
function present(account: Account | null): Account | null {
  return account?.deletedAt === null ? account : null
}
