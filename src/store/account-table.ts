import type { Clock } from '../clock.js'
import { emptyHistory } from './email-history.js'
import { endEveryLogin } from './ended-logins.js'
import type { Accounts } from './accounts.js'
import { createMany } from './create-many.js'
import { available, isDuplicate } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { createBatch } from './batch.js'
import type { Provider } from './database.js'
import { searchAccounts } from './search-accounts.js'

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
  // The next epoch ends every login, so the list of ended logins starts again.
  const nextEpoch = () => ({
    tokenEpoch: { increment: 1 },
    endedLogins: endEveryLogin(clock()),
  })
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
        data: { updatedAt: now(), ...data },
      }),
    )
    return updated === null ? 'email_taken' : (updated[0] ?? null)
  }
  const waitForBatch = createBatch()
  return {
    findById: async (id) => {
      await waitForBatch()
      return await available(users.findUnique({ where: { id } }))
    },
    findByEmail: async (email) => await available(users.findUnique({ where: { email } })),
    create: async ({ email, passwordHash, name, emailVerified = false }) => {
      const createdAt = now()
      return await ifFree(
        users.create({
          data: {
            email,
            passwordHash,
            name,
            emailVerifiedAt: emailVerified ? createdAt : null,
            createdAt,
            updatedAt: createdAt,
          },
        }),
      )
    },
    createMany: async (accounts) => await available(createMany(client, table, accounts, now())),
    list: async (afterId, count) =>
      await available(
        users.findMany({
          where: { id: { gt: afterId ?? '' } },
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
            data: { name, updatedAt: now() },
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
      const verified = emailVerifiedAt === null ? { emailVerifiedAt: now(), updatedAt: now() } : {}
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
          users.updateMany({ where: { id, email }, data: { passwordHash, ...nextEpoch() } }),
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
    deleteUnverified: async (email, since) =>
      (
        await available(
          users.deleteMany({ where: { email, emailVerifiedAt: null, createdAt: { gte: since } } }),
        )
      ).count === 1,
    setEmail: async ({ id, email: from }, { verified, ...next }) =>
      await updateEmail(
        { id, email: from },
        {
          ...next,
          ...(verified
            ? { emailVerifiedAt: now() }
            : next.email !== from && { emailVerifiedAt: null }),
          emailHistory: emptyHistory,
          ...nextEpoch(),
        },
      ),
    verifyEmail: async ({ id, email }) =>
      (
        await available(
          users.updateMany({
            where: { id, email },
            data: { emailVerifiedAt: now(), updatedAt: now() },
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
    endRefreshTokens: async (id) =>
      (await available(users.updateMany({ where: { id, disabledAt: null }, data: nextEpoch() })))
        .count === 1,
    disable: async (id) =>
      (
        await available(
          users.updateMany({
            where: { id, disabledAt: null },
            data: { disabledAt: now(), ...nextEpoch() },
          }),
        )
      ).count === 1,
    enable: async (id) =>
      (
        await available(
          users.updateMany({
            where: { id, disabledAt: { not: null } },
            data: { disabledAt: null },
          }),
        )
      ).count === 1,
    delete: async (id) => (await available(users.deleteMany({ where: { id } }))).count === 1,
    deleteIfUnchanged: async ({ id, tokenEpoch }) =>
      (await available(users.deleteMany({ where: { id, tokenEpoch, disabledAt: null } }))).count ===
      1,
  }
}
