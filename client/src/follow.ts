import type { Held } from './held.js'
import type { Renewal } from './renewal.js'
import type { User } from './reply.js'
import type { Keep, Login } from './storage.js'

/** The message of a tab to the others. Those with tokens in a storage read the login there. */
export interface News {
  user: User | null
  /** The life of new tokens in seconds; undefined if the tokens are the same. */
  seconds: number | undefined
  /** By the clock of this device, in milliseconds. */
  sentAt: number
}

/** Follows what happens outside of this page. */
export interface Follower {
  /** Takes over the login of another tab, which has told of it. */
  hear: (news: unknown) => Promise<void>
  /** Starts to look after a sleep, back in this tab, and back online. */
  watch: () => void
}

/** News that are older were told while this tab was frozen, in milliseconds. */
const oldMs = 5000

/** Creates {@link Follower}. */
export function createFollower(
  { held, keep, inCookies }: { held: Held; keep: Keep; inCookies: boolean },
  renewal: Renewal,
): Follower {
  const take = (next: Login | null, seconds: number | undefined) => {
    const { login } = held
    const isSame = login?.id === next?.id
    // A renewal that comes later would put back the cookies of the earlier login.
    if (!isSame || !next) renewal.stop()
    if (next && isSame && login?.refresh === next.refresh && !seconds) held.update(next.user)
    else held.set(next, seconds)
  }

  /** Takes over what is stored. Its tokens are of unknown age without `seconds`. */
  const follow = async (seconds?: number) => {
    const kept = await keep.read().catch(() => undefined)
    if (kept !== undefined) take(kept, seconds)
  }

  const check = async () => {
    await follow()
    if (held.freshness() !== 'fresh') await renewal.renew().catch(() => {})
  }

  return {
    hear: async (news) => {
      const { user, seconds, sentAt } = Object(news) as News
      const age = Math.abs(Date.now() - sentAt) < oldMs ? seconds : undefined
      // Every script of the origin can use the channel. And a tab that tells of its new tokens may
      // not have heard of the logout that is under way.
      if (!inCookies) await follow(age)
      else if (user === null) take(user, age)
      else if (user?.id && (await keep.read()) !== null) take({ id: user.id, user }, age)
    },
    watch: () => {
      for (const type of ['visibilitychange', 'pageshow', 'online'])
        addEventListener(type, (event) => {
          if (type === 'online') renewal.forget()
          // A page of the back/forward cache has heard nothing.
          if ((event as PageTransitionEvent).persisted && held.login) held.set(held.login)
          if (!document.hidden) void check()
        })
    },
  }
}
