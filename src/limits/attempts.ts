import type { DeviceTokens } from '../tokens/device-token.js'
import type { BackoffLimiter, Counted, Limiter, Limiters } from './limiters.js'

/** Where a password comes from, as the limits tell callers apart. */
export interface Client {
  /** The network of the caller, in its one spelling. */
  network: string
  /** What the caller sent as device tokens; it may be anything. */
  devices: readonly string[]
}

/**
 * Bounds how often passwords are guessed. Every comparison of a password with that of an
 * account goes through here (ASVS 6.3.1, 6.3.4).
 */
export interface Attempts {
  /**
   * Counts an attempt at an address, then compares. A wrong password stays counted. A right one
   * is not counted and ends the counts of the address at this place, never those that all
   * places share: strangers must not get more guesses by it. An attempt that failed for another
   * reason is not counted. It makes no difference whether the address has an account.
   *
   * @param email in canonical form
   * @param compare answers null when the password is wrong
   * @throws Problem `rate_limited` before anything is compared, also where the password would
   *   be right; what `compare` throws
   */
  guard: <T>(email: string, client: Client, compare: () => Promise<T | null>) => Promise<T | null>
  /** Ends every count of an address, for its owner has proven to read the mailbox. */
  forgive: (email: string, client: Client) => Promise<void>
}

/** No limits: for a server behind a gateway that has them. */
export const unlimited: Attempts = {
  guard: async (_email, _place, compare) => await compare(),
  forgive: async () => {},
}

/** What {@link createAttempts} needs. */
export interface AttemptsDeps {
  limiters: Limiters
  deviceTokens: DeviceTokens
}

/**
 * What an attempt was counted as: taken back when it was none, and ended for this place when it
 * succeeded.
 */
interface Attempt {
  undo: () => Promise<void>
  succeed: () => Promise<void>
}

/**
 * {@link Attempts} by the table of limits. Who holds a device token of the address is counted
 * apart, so that no stranger can lock the owner out. Comparisons of a network are counted
 * whatever comes of them: who gives right passwords of their own takes time from others all the
 * same.
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

  // An attempt counts in one set of limits: as that of the first device that has guesses left,
  // otherwise as a stranger's.
  async function takeOne(email: string, { network, devices }: Client): Promise<Attempt> {
    for (const [index, token] of devices.entries()) {
      // A look at a signature costs as much as refusing a call: more than one for a call are few.
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
      // Tokens outlive a new password, and somebody else may hold some: they must not keep out
      // whoever would get in without one.
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
 * Counts in every limit, or in none; in this order, so that who is refused by a limit of their
 * own does not use up one that others share. Success takes the attempt back and ends the count
 * of its place.
 *
 * @param network the limits of the caller's network
 * @param place the limit of the caller at the address
 * @param everywhere the limit of all callers at the address
 */
async function takeAll(
  network: Array<[Limiter, string]>,
  place: [BackoffLimiter, string],
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
    for (const [limiter, whose] of [...network, place, everywhere])
      counted.push(await limiter.take(whose))
  } catch (error) {
    await undo()
    throw error
  }
  return {
    undo,
    succeed: async () => {
      await undo()
      const [limiter, whose] = place
      await limiter.clear(whose)
    },
  }
}
