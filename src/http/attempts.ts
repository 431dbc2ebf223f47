import type { Attempts, Place } from '../attempts.js'
import type { DeviceTokens } from '../tokens/device.js'
import type { Counted, Limiter, Limiters } from './limiters.js'

/** What {@link createAttempts} needs. */
export interface AttemptsDeps { limiters: Limiters, deviceTokens: DeviceTokens }

/**
 * {@link Attempts} by the table of limits. Who holds a device token of the address is counted apart, so that no stranger can lock the owner out. Comparisons of a network are counted whatever
 * comes of them: who gives right passwords of their own takes time from others all the same.
 */
export function createAttempts ({ limiters, deviceTokens }: AttemptsDeps): Attempts {
  return {
    guard: async (email, place, compare) => {
      const comparison = await limiters['hash-network'].take(place.network)
      const counted: Counted[] = []
      try {
        counted.push(...await takeOne(email, place))
        const found = await compare()
        if (found !== null) await Promise.all(counted.map(async ({ succeed }) => { await succeed() }))
        return found
      } catch (error) {
        await undoAll([comparison, ...counted])
        throw error
      }
    },
    forgive: async (email, { network }) => {
      await Promise.all([limiters['password-email'].clear(email), limiters['password-devices'].clear(email), limiters['password-email-network'].clear(`${network} ${email}`)])
    }
  }

  // An attempt counts in one set of limits.
  async function takeOne (email: string, { network, device }: Place): Promise<Counted[]> {
    // In the order in which they are asked: who is refused by a limit of their own does not use up one that others share.
    const asStranger = async () => await takeAll([
      [limiters['password-network'], network],
      [limiters['password-network-day'], network],
      [limiters['password-email-network'], `${network} ${email}`],
      [limiters['password-email'], email]
    ])
    const id = device === undefined ? null : deviceTokens.find(device, email)
    if (id === null) return await asStranger()
    // Tokens outlive a new password, and somebody else may hold some: they must not keep out whoever would get in without one.
    return await takeAll([[limiters['password-device'], id], [limiters['password-devices'], email]]).catch(asStranger)
  }
}

/** Counts in every limit, or in none. */
async function takeAll (wanted: Array<[limiter: Limiter, whose: string]>): Promise<Counted[]> {
  const counted: Counted[] = []
  try {
    for (const [limiter, whose] of wanted) counted.push(await limiter.take(whose))
    return counted
  } catch (error) {
    await undoAll(counted)
    throw error
  }
}

async function undoAll (counted: Counted[]): Promise<void> {
  await Promise.all(counted.map(async ({ undo }) => { await undo() }))
}
