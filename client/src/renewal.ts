import type { LatchkeyError } from './error.js'
import type { Held } from './held.js'
import { requireTokens, type TokenReply } from './reply.js'
import type { Server } from './server.js'
import type { Keep, Login } from './storage.js'
import type { Tabs } from './tabs.js'

/** Fetches new tokens. */
export interface Renewal {
  /**
   * Replaces the tokens of the login, once for all callers and, if that is quick to arrange,
   * for all tabs. Resolves also if the login has ended: only 401 `invalid_refresh_token` ends
   * it.
   *
   * @throws LatchkeyError with any other code. The login is kept, and the next attempts wait.
   */
  renew: () => Promise<void>
  /** Allows the next attempt at once. */
  forget: () => void
  /** Gives up the attempt that runs: another login, or none, takes its place. */
  stop: () => void
}

/** The dependencies of {@link createRenewal}. */
export interface RenewalParts {
  held: Held
  keep: Keep
  server: Server
  tabs: () => Tabs
  inCookies: boolean
  /** Shows and stores the tokens of a reply to a request that began at `since`. */
  accept: (reply: TokenReply, login: Login | null, since: number) => Promise<void>
  /** Shows and stores that the login has ended. */
  end: (reason: LatchkeyError) => Promise<void>
}

/** The longest wait after failed attempts, in milliseconds. */
const maxBackoffMs = 30_000

/** The longest wait that the server can ask for, in milliseconds. */
const maxRetryAfterMs = 300_000

/** Creates {@link Renewal}. */
export function createRenewal(parts: RenewalParts): Renewal {
  const { held, keep, server, tabs, inCookies, accept, end } = parts
  let running: Promise<void> | undefined
  let abort = new AbortController()
  let failures = 0
  let failure: LatchkeyError | undefined
  let retryAt = 0

  const forget = () => {
    failures = 0
    failure = undefined
  }

  const endOrFollow = async (login: Login | null, reason: LatchkeyError) => {
    // A new password in another tab ends the tokens of this one, and stores its own.
    const kept = await keep.read().catch(() => undefined)
    if (held.login !== login) return
    if (kept && kept.refresh !== login?.refresh) held.set(kept)
    else await end(reason)
  }

  const ask = async (login: Login | null, signal: AbortSignal) => {
    const since = performance.now()
    try {
      const body = inCookies ? undefined : { refresh_token: login?.refresh }
      const reply = await server.post('/refresh', body, login?.key, signal)
      const tokens = requireTokens(reply, inCookies)
      forget()
      // Thrown away after a logout or another login.
      if (!signal.aborted && held.login === login) await accept(tokens, login, since)
    } catch (error) {
      if (signal.aborted || held.login !== login) return
      const reason = error as LatchkeyError
      if (reason.status === 401 && reason.code === 'invalid_refresh_token') {
        forget()
        return await endOrFollow(login, reason)
      }
      failure = reason
      const backoff = Math.min(maxBackoffMs, 500 * 2 ** failures++) * (0.5 + Math.random() / 2)
      const asked = Math.min(maxRetryAfterMs, (reason.retryAfter ?? 0) * 1000)
      retryAt = performance.now() + Math.max(backoff, asked)
      throw reason
    }
  }

  const run = async () => {
    if (failure && performance.now() < retryAt) throw failure
    const { login } = held
    const { signal } = abort
    await tabs().once(
      () => ask(login, signal),
      () => signal.aborted || held.login !== login,
    )
  }

  return {
    renew: async () =>
      await (running ??= run().finally(() => {
        running = undefined
      })),
    forget,
    stop: () => {
      abort.abort()
      abort = new AbortController()
      forget()
    },
  }
}
