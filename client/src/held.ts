import type { LatchkeyError } from './error.js'
import type { User } from './reply.js'
import type { Login } from './storage.js'

/**
 * Is called with the user, or null after a logout. `reason` is there if the user did not log
 * out: the server or the browser ended the login.
 */
export type Listener = (user: User | null, reason?: LatchkeyError) => void

/**
 * How the access token of the login is to be used:
 *
 * - `fresh`: as it is; also without a login
 * - `due`: as it is, while new tokens are fetched
 * - `unknown`: new tokens should be fetched first; without them, as it is
 * - `expired`: only after new tokens were fetched; also before it is known who is logged in
 */
export type Freshness = 'fresh' | 'due' | 'unknown' | 'expired'

/** The login of this page. */
export interface Held {
  readonly login: Login | null
  /** The last user object. It is the same one until something in it changes. */
  readonly user: User | null
  /**
   * Replaces the login. Listeners are called later, and only if the user has changed.
   *
   * @param seconds the life of the access token; without it, the token is of unknown age
   * @param since when that life began, by performance.now(), in milliseconds
   */
  set: (login: Login | null, seconds?: number, since?: number, reason?: LatchkeyError) => void
  /** Replaces the user of the login. */
  update: (user: User) => void
  freshness: () => Freshness
  /** Returns whether the tokens were issued in the last 10 seconds. */
  isNew: () => boolean
  /** Adds a listener, and returns a function that removes it. */
  onchange: (listener: Listener, isImmediate: Promise<unknown> | null) => () => void
}

/** The time in which a new token is not replaced after a 401. */
const newMs = 10_000

/** Holds no login. The time of a page is measured: the clock of a device may be wrong or set. */
export function createHeld(): Held {
  /** Undefined until it is known who is logged in. */
  let login: Login | null | undefined
  let user: User | null = null
  let life: number | undefined
  let born = 0
  let lag = 0
  let why: LatchkeyError | undefined
  const listeners = new Set<() => void>()

  /** The measured time stands still while the device sleeps. Then the two clocks part. */
  const hasSlept = () => Math.abs(Date.now() - performance.now() - lag) > newMs

  const show = (next: Login | null, reason?: LatchkeyError) => {
    login = next
    why = reason
    // A reply may be older than one that has overtaken it.
    if (next && user?.id === next.user.id && user.updated_at > next.user.updated_at)
      next.user = user
    const nextUser = next && next.user
    if (JSON.stringify(nextUser) === JSON.stringify(user)) return
    user = nextUser
    for (const call of listeners) queueMicrotask(call)
  }

  return {
    get login() {
      return login ?? null
    },
    get user() {
      return user
    },
    set: (next, seconds, since = performance.now(), reason) => {
      life = seconds
      born = since
      lag = Date.now() - performance.now()
      show(next, reason)
    },
    update: (next) => {
      if (!login) return
      login.user = next
      show(login)
    },
    freshness: () => {
      if (!login) return login === null ? 'fresh' : 'expired'
      if (!life || hasSlept()) return 'unknown'
      const left = life - (performance.now() - born) / 1000
      // A token must not expire on its way to the server.
      if (left < Math.min(10, life / 10)) return 'expired'
      // Tokens are fetched in the last fifth of their life, at most a minute ahead of time.
      return left < Math.min(60, life / 5) ? 'due' : 'fresh'
    },
    isNew: () => life !== undefined && performance.now() - born < newMs,
    onchange: (listener, isImmediate) => {
      // Nothing was told yet, so an immediate listener is told of null as well.
      let told: User | null | undefined = isImmediate ? undefined : user
      const call = () => {
        if (told === user || !listeners.has(call)) return
        told = user
        listener(user, why)
      }
      listeners.add(call)
      void isImmediate?.then(() => queueMicrotask(call))
      return () => {
        listeners.delete(call)
      }
    },
  }
}
