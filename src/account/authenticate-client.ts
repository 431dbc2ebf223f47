import type { Clock } from '../clock.js'
import { Problem } from '../errors.js'
import type { Limiters } from '../limits/limiters.js'
import type { MachineClient, MachineClients } from '../store/machine-clients.js'
import { matchesSecret } from './client-secret.js'

/** A call of a machine client at an OAuth endpoint. */
export interface ClientCall {
  id: string
  secret: string
  /** The network of the caller. */
  network: string
  /** The limit of the client that the call counts for. */
  limit: 'token-client' | 'introspection-client'
}

/**
 * Returns the client that a secret belongs to.
 *
 * @throws Problem
 *
 *   - `invalid_client` if the id or the secret is wrong, or the client is disabled
 *   - `rate_limited` for too many wrong secrets of the network, or too many calls of the client
 *   - `unavailable`
 */
export type AuthenticateClient = (call: ClientCall) => Promise<MachineClient>

/** The dependencies of {@link createAuthenticateClient}. */
export interface AuthenticateClientParts {
  machineClients: Pick<MachineClients, 'findById'>
  limiters: Limiters | undefined
  clock: Clock
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Creates {@link AuthenticateClient}. Only the network counts wrong secrets: a stranger who
 * knows an id cannot lock the client out. A client without a row costs the same as a wrong
 * secret. A call counts once its secret is known to be wrong. So neither many calls at once nor
 * an outage of the database use up the limit.
 */
export function createAuthenticateClient({
  machineClients,
  limiters,
  clock,
}: AuthenticateClientParts): AuthenticateClient {
  return async ({ id, secret, network, limit }) => {
    await limiters?.['client-network'].requireRest(network)
    // Text that is not a UUID names no client. A database may refuse it, such as NUL.
    const client = uuid.test(id) ? await machineClients.findById(id) : null
    const isRight = matchesSecret(secret, [client?.secretHash ?? null, previousHash(client)])
    if (client === null || !isRight || client.disabledAt !== null) {
      await limiters?.['client-network'].take(network)
      throw new Problem('invalid_client', { account: client?.id })
    }
    await limiters?.[limit].take(client.id)
    return client
  }

  function previousHash(client: MachineClient | null): string | null {
    const end = client?.previousUntil?.getTime() ?? 0
    return clock() < end ? (client as MachineClient).previousSecretHash : null
  }
}
