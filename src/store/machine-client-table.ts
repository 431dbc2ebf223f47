import type { Clock } from '../clock.js'
import { available } from './faults.js'
import type { PrismaClient } from './generated/sqlite/client.js'
import type { MachineClients } from './machine-clients.js'

/** {@link MachineClients} in the table `clients`. */
export function createMachineClients(client: PrismaClient, clock: Clock): MachineClients {
  const clients = client.machineClient
  const now = () => new Date(clock())
  const nextVersion = () => ({ version: { increment: 1 }, versionChangedAt: now() })
  return {
    findById: async (id) => await available(clients.findUnique({ where: { id } })),
    list: async () => await available(clients.findMany({ orderBy: { id: 'asc' } })),
    create: async (data) =>
      await available(clients.create({ data: { ...data, createdAt: now() } })),
    rotate: async ({ id, secretHash: from }, { secretHash, previousUntil }) =>
      (
        await available(
          clients.updateMany({
            where: { id, secretHash: from },
            data: {
              secretHash,
              previousSecretHash: previousUntil === null ? null : from,
              previousUntil,
              ...(previousUntil === null && nextVersion()),
            },
          }),
        )
      ).count === 1,
    setScopes: async ({ id, scopes: from }, scopes) =>
      (
        await available(
          clients.updateMany({ where: { id, scopes: from }, data: { scopes, ...nextVersion() } }),
        )
      ).count === 1,
    setDisabled: async (id, disabled) =>
      (
        await available(
          clients.updateMany({
            where: { id, disabledAt: disabled ? null : { not: null } },
            data: disabled ? { disabledAt: now(), ...nextVersion() } : { disabledAt: null },
          }),
        )
      ).count === 1,
  }
}
