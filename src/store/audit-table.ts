import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.js'
import type { AuditLog } from './audit-log.js'
import { available } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'

/** {@link AuditLog} in the table `audit`. */
export function createAuditLog(client: PrismaClient, clock: Clock): AuditLog {
  const nextId = createIds(clock)
  return {
    add: async (entry) => {
      await available(
        client.auditEntry.create({ data: { id: nextId(), at: new Date(clock()), ...entry } }),
      )
    },
    list: async (filter, beforeId, count) =>
      await available(
        client.auditEntry.findMany({
          where: { ...filter, ...(beforeId !== null && { id: { lt: beforeId } }) },
          orderBy: { id: 'desc' },
          take: count,
        }),
      ),
  }
}

/** The ids of one millisecond: 12 bits. */
const idsOfMillisecond = 4096

/**
 * Creates UUIDv7 that increase, also within one millisecond and when the clock is set back (RFC
 * 9562 §6.2, method 1). So the entries of one process are in their order.
 */
function createIds(clock: Clock): () => string {
  let last = { time: 0, count: 0 }
  return () => {
    const now = clock()
    if (now > last.time) last = { time: now, count: 0 }
    else if (last.count + 1 < idsOfMillisecond) last = { time: last.time, count: last.count + 1 }
    else last = { time: last.time + 1, count: 0 }
    const bytes = randomBytes(16)
    bytes.writeUIntBE(last.time, 0, 6)
    bytes.writeUInt16BE(0x7000 + last.count, 6)
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
}
