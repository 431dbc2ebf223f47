import type { Provider } from './database.js'
import { available, isDuplicate } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import { type Change, farthestAhead, type WebhookCursors } from './webhook-cursors.js'

/** {@link WebhookCursors} in the table `webhooks`. */
export function createWebhookCursors(client: PrismaClient, provider: Provider): WebhookCursors {
  const { webhook: table, user } = client
  const find = async (key: string) => await available(table.findUnique({ where: { key } }))
  return {
    find,
    open: async (key, now) => {
      const found = await find(key)
      if (found !== null) return found
      const start = { changedAt: now, accountId: '', completeUntil: now, seenAt: now }
      // Another process may create it at the same time.
      await available(
        table.create({ data: { key, ...start } }).catch((error: unknown) => {
          if (!isDuplicate(error)) throw error
        }),
      )
      return await available(table.findUniqueOrThrow({ where: { key } }))
    },
    changesAfter: async ({ changedAt, accountId }, until, count) =>
      (await available(
        user.findMany({
          where: {
            changedAt: { gte: changedAt, lte: until },
            OR: [{ changedAt: { gt: changedAt } }, { id: { gt: accountId } }],
          },
          orderBy: [{ changedAt: 'asc' }, { id: 'asc' }],
          take: count,
        }),
      )) as Change[],
    lease: async (key, owner, now, until) => {
      const notAhead = (max: number) => [null, { lte: now }, { gt: new Date(now.getTime() + max) }]
      const leased = notAhead(farthestAhead.lease).map((leasedUntil) => ({ leasedUntil }))
      const waiting = notAhead(farthestAhead.retry).map((retryAt) => ({ retryAt }))
      const [held = null] = await available(
        table.updateManyAndReturn({
          where: { key, pausedAt: null, AND: [{ OR: [{ owner }, ...leased] }, { OR: waiting }] },
          data: { owner, leasedUntil: until },
        }),
      )
      return held
    },
    save: async ({ key, owner, changedAt, accountId }, changes) =>
      (
        await available(
          table.updateMany({ where: { key, owner, changedAt, accountId }, data: changes }),
        )
      ).count === 1,
    resume: async (key) =>
      (
        await available(
          table.updateMany({
            where: { key, OR: [{ pausedAt: { not: null } }, { retryAt: { not: null } }] },
            data: { pausedAt: null, retryAt: null, failures: 0 },
          }),
        )
      ).count === 1,
    passOver: async ({ key, changedAt, accountId }, to) =>
      (
        await available(
          table.updateMany({
            where: { key, changedAt, accountId },
            data: { ...to, pausedAt: null, retryAt: null, failures: 0, lastFailure: null },
          }),
        )
      ).count === 1,
    keep: async (keys, now, forgetBefore) => {
      await available(table.updateMany({ where: { key: { in: keys } }, data: { seenAt: now } }))
      await available(table.deleteMany({ where: { seenAt: { lt: forgetBefore } } }))
    },
    databaseTime: async () => {
      const [row] = await available(
        client.$queryRawUnsafe<Array<{ time: number }>>(
          provider === 'postgresql'
            ? 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS time'
            : "SELECT (julianday('now') - 2440587.5) * 86400000.0 AS time",
        ),
      )
      return (row as { time: number }).time
    },
  }
}
