import type { Attempts, Place } from '../attempts.js'
import type { DeviceTokens } from '../tokens/device.js'
import type { Counted, Limiter, Limiters } from './limiters.js'

/** What {@link createAttempts} needs. */
export interface AttemptsDeps { limiters: Limiters, deviceTokens: DeviceTokens }

/** {@link Attempts} by the table of limits. Who holds a device token of the address is counted apart, so that no stranger can lock the owner out. */
export function createAttempts ({ limiters, deviceTokens }: AttemptsDeps): Attempts {
  // In the order in which they are asked: who is refused by a limit of their own does not use up one that others share.
  const limitsOf = (email: string, { network, device }: Place): Array<[limiter: Limiter, whose: string]> => {
    const id = device === undefined ? null : deviceTokens.find(device, email)
    if (id !== null) return [[limiters['password-device'], id], [limiters['password-devices'], email]]
    return [
      [limiters['password-network'], network],
      [limiters['password-network-day'], network],
      [limiters['password-email-network'], `${network} ${email}`],
      [limiters['password-email'], email]
    ]
  }
  return {
    guard: async (email, place, compare) => {
      const counted: Counted[] = []
      try {
        for (const [limiter, whose] of limitsOf(email, place)) counted.push(await limiter.take(whose))
        const found = await compare()
        if (found !== null) await Promise.all(counted.map(async ({ succeed }) => { await succeed() }))
        return found
      } catch (error) {
        await Promise.all(counted.map(async ({ undo }) => { await undo() }))
        throw error
      }
    },
    forgive: async (email, { network }) => {
      await Promise.all([limiters['password-email'].clear(email), limiters['password-devices'].clear(email), limiters['password-email-network'].clear(`${network} ${email}`)])
    }
  }
}
