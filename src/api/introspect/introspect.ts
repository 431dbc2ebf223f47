import type { Services } from '../../services.js'
import { hasEnded } from '../../store/ended-logins.js'

/** The state of an active token: its claims. */
export type ActiveClaims = Readonly<Record<string, unknown>> & { sub: string }

/**
 * Returns the claims of an access token that is valid now; null for every other text. A token
 * is also not valid now if its account or client is disabled, deleted or has a later version,
 * or if its login was logged out.
 *
 * @param caller the credentials of the machine client that asks, and its network
 * @throws Problem `invalid_client`, `rate_limited`, `unavailable`
 */
export type Introspect = (
  token: string,
  caller: { id: string; secret: string; network: string },
) => Promise<ActiveClaims | null>

/** Creates {@link Introspect}. It reads the row of the client that asks, and one of the token. */
export function createIntrospect({
  accounts,
  accessTokens,
  authenticateClient,
  machineClients,
  machineTokens,
}: Pick<
  Services,
  'accounts' | 'accessTokens' | 'authenticateClient' | 'machineClients' | 'machineTokens'
>): Introspect {
  return async (token, caller) => {
    await authenticateClient({ ...caller, limit: 'introspection-client' })
    const person = orNull(() => accessTokens.verify(token))
    if (person !== null) return (await isCurrent(person)) ? person : null
    const machine = orNull(() => machineTokens.verify(token))
    if (machine === null) return null
    const client = await machineClients.findById(machine.sub)
    const isActive =
      client !== null && client.disabledAt === null && (machine.ver ?? 0) >= client.version
    return isActive ? machine : null
  }

  async function isCurrent({
    sub,
    ver = 0,
    sid,
  }: ReturnType<Services['accessTokens']['verify']>): Promise<boolean> {
    const account = await accounts.findById(sub)
    if (account === null || account.disabledAt !== null) return false
    return (
      ver >= account.accessVersion && !(sid !== undefined && hasEnded(account.endedLogins, sid))
    )
  }
}

function orNull<T>(verify: () => T): T | null {
  try {
    return verify()
  } catch {
    return null
  }
}
