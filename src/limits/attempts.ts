import type { DeviceTokens } from '../tokens/device-token.js'
import type { BackoffLimiter, Counted, Limiter, Limiters } from './limiters.js'

/** The client that sends a password, as the limits distinguish clients. */
export interface Client {
  /** The network of the caller, in canonical form. */
  network: string
  /** The unverified device tokens of the request. */
  devices: readonly string[]
}

/**
 * Limits how often passwords are guessed. Every comparison with the password of an account goes
 * through here (ASVS 6.3.1, 6.3.4).
 */
export interface Attempts {
  /**
   * Counts an attempt at an address, then compares. A wrong password stays counted. A right
   * password is not counted, and resets the counts of this client at the address. It never
   * resets the counts that all clients share: strangers must not get more guesses. An attempt
   * that fails for another reason is not counted. Addresses without an account are treated the
   * same.
   *
   * @param email in canonical form
   * @param compare returns null if the password is wrong
   * @throws Problem `rate_limited` before anything is compared, also with the right password;
   *   the error of `compare`
   */
  guard: <T>(email: string, client: Client, compare: () => Promise<T | null>) => Promise<T | null>
  /** Resets the counts of an address after its owner has proven access to the mailbox. */
  forgive: (email: string, client: Client) => Promise<void>
}

/** No limits, for a server behind a gateway that has them. */
export const unlimited: Attempts = {
  guard: async (_email, _client, compare) => await compare(),
  forgive: async () => {},
}

/** The dependencies of {@link createAttempts}. */
export interface AttemptsDeps {
  limiters: Limiters
  deviceTokens: DeviceTokens
}

/**
 * A counted attempt. It is undone if no comparison took place, and resets the counts of its
 * client if it succeeds.
 */
interface Attempt {
  undo: () => Promise<void>
  succeed: () => Promise<void>
}

/**
 * Creates {@link Attempts} by the table of limits. Clients with a device token of the address
 * are counted apart, so that a stranger cannot lock the owner out. Comparisons of a network
 * count whatever their result: right passwords of other accounts also take hashing time.
 */
export function createAttempts({ limiters, deviceTokens }: AttemptsDeps): Attempts {
  return {
    guard: async (email, client, compare) => {
      const comparison = await limiters['hash-network'].take(client.network)
      let attempt: Attempt | undefined
      try {
        attempt = await takeOne(email, client)
        const found = await compare()
        if (found !== null) await attempt.succeed()
        return found
      } catch (error) {
        await Promise.all([comparison.undo(), attempt?.undo()])
        throw error
      }
    },
    forgive: async (email, { network }) => {
      await Promise.all([
        limiters['password-email'].clear(email),
        limiters['password-devices'].clear(email),
        limiters['password-email-network'].clear(`${network} ${email}`),
      ])
    },
  }

  // An attempt counts in one set of limits: that of the first device with guesses left, otherwise
  // that of strangers.
  async function takeOne(email: string, { network, devices }: Client): Promise<Attempt> {
    for (const [index, token] of devices.entries()) {
      // Verifying a device token costs as much as refusing a call. Limit the calls with more than
      // one.
      if (
        index > 0 &&
        !(await limiters['device-network'].take(network).then(
          () => true,
          () => false,
        ))
      )
        break
      const id = deviceTokens.find(token, email)
      if (id === null) continue
      // Device tokens survive a password change and may leak. When one is used up, fall back to the
      // stranger limits, so that a leaked token cannot lock the owner out.
      const attempt = await takeAll(
        [],
        [limiters['password-device'], id],
        [limiters['password-devices'], email],
      ).catch(() => null)
      if (attempt !== null) return attempt
    }
    return await takeAll(
      [
        [limiters['password-network'], network],
        [limiters['password-network-day'], network],
      ],
      [limiters['password-email-network'], `${network} ${email}`],
      [limiters['password-email'], email],
    )
  }
}

/**
 * Counts in every limit, or in none. Limits of the client come before shared limits, so that a
 * refused caller does not use up a shared limit. Success undoes the counts and resets the limit
 * of the client.
 *
 * @param network the limits of the caller's network
 * @param client the limit of the caller at the address
 * @param everywhere the limit of all callers at the address
 */
async function takeAll(
  network: Array<[Limiter, string]>,
  client: [BackoffLimiter, string],
  everywhere: [Limiter, string],
): Promise<Attempt> {
  const counted: Counted[] = []
  const undo = async () => {
    await Promise.all(
      counted.map(async ({ undo }) => {
        await undo()
      }),
    )
  }
  try {
    for (const [limiter, subject] of [...network, client, everywhere])
      counted.push(await limiter.take(subject))
  } catch (error) {
    await undo()
    throw error
  }
  return {
    undo,
    succeed: async () => {
      await undo()
      const [limiter, subject] = client
      await limiter.clear(subject)
    },
  }
}
