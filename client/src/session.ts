import { keepInDatabase } from './dpop.js'
import { LatchkeyError } from './error.js'
import { createFollower, type News } from './follow.js'
import { createHeld, type Held } from './held.js'
import { createRenewal } from './renewal.js'
import { requireTokens, type TokenReply, type User } from './reply.js'
import type { Server } from './server.js'
import { keepInLocalStorage, type Keep, type Login, markLogout, sleep } from './storage.js'
import { joinTabs, noTabs, type Tabs } from './tabs.js'

/** Where tokens are: see the options of the client. */
export type Storage = 'memory' | 'local' | 'cookie' | 'dpop'

/** One login, its storage and the other tabs. */
export interface Session {
  held: Held
  /** Restores the login, the first time. Never rejects. */
  start: () => Promise<void>
  /**
   * Sends credentials, and logs in with the tokens of the reply. Returns null if the reply has
   * none yet.
   *
   * @throws LatchkeyError `logged_out` if a logout was faster, and see {@link Server.post}
   */
  enter: (path: string, body: object) => Promise<User | null>
  /**
   * Returns the login with a token that the server should accept, or null. Returns undefined if
   * the server has yet to be told of a logout: there may be cookies.
   *
   * @throws LatchkeyError if the token has expired, and the server gave no other; `logged_out`
   *   if another account has logged in meanwhile
   */
  current: () => Promise<Login | null | undefined>
  /**
   * Returns whether a request that was refused with 401 should be sent again, with new tokens.
   *
   * @throws LatchkeyError if the server gave none
   */
  mend: (used: Login) => Promise<boolean>
  /** Replaces the tokens of a login by those of a reply to a request that began at `since`. */
  replace: (reply: unknown, login: Login | null | undefined, since: number) => Promise<User>
  /** Asks the server whether the login still holds. Never rejects. */
  recheck: () => Promise<void>
  /** Replaces the user of the login, unless it is another account. */
  setUser: (user: User) => Promise<void>
  /** Ends the login here alone. */
  end: () => Promise<void>
  /** Ends the login here and on the server. */
  logout: () => Promise<void>
}

/** The longest wait for the server until the first login is known, in milliseconds. */
const startMs = 2000

/** The replies that log in later, or not at all. */
interface Pending {
  status: 'mail_sent'
  email_verified: true
}

const ignore = () => {}

const loggedOut = () => new LatchkeyError('logged_out', 'A logout or login was faster.')

/** Creates {@link Session}. It touches nothing before it is started. */
export function createSession(storage: Storage, name: string, server: Server): Session {
  const inCookies = storage === 'cookie'
  const database = storage === 'dpop' ? keepInDatabase(name) : undefined
  const inLocal = keepInLocalStorage(name)
  const isMarked = async () => (await inLocal.read()) === null
  // The login is in this page, or in cookies.
  const keepNothing: Keep = {
    read: async () => ((await isMarked()) ? null : undefined),
    write: async () => {},
    renew: async (login) => login,
  }
  const keep = database ?? (storage === 'local' ? inLocal : keepNothing)
  const held = createHeld()
  let tabs: Tabs = noTabs
  let starting: Promise<void> | undefined
  let logouts = 0
  /** The logout that the server is being told. Another login waits for it. */
  let leaving: Promise<unknown> | undefined

  const tell = (seconds?: number) => {
    tabs.tell({ user: held.user, seconds, sentAt: Date.now() } satisfies News)
  }

  const loginOf = (reply: TokenReply, { id, key }: Partial<Login>): Login => {
    const { user, access_token: access, refresh_token: refresh } = reply
    // Two logins must differ; the id is not a secret. Cookies may be of another account now.
    const nextId = inCookies ? user.id : (id ?? String(Math.random()))
    return { id: nextId, user, access, refresh, key }
  }

  /** Shows a renewed login, and stores it. One that cannot be stored lasts as long as the page. */
  const renewKept = async (login: Login) => {
    const kept = await keep.renew(login).catch(() => login)
    // A logout or a login of another tab was faster than its news.
    if (held.login === login && kept !== undefined && kept?.id !== login.id) held.set(kept)
  }

  const accept = async (reply: TokenReply, login: Login | null, since: number) => {
    const next = loginOf(reply, login ?? {})
    const seconds = reply.expires_in
    held.set(next, seconds, since)
    await renewKept(next)
    tell(seconds)
  }

  const endHere = async (reason?: LatchkeyError) => {
    const { login } = held
    if (!login && inCookies) return held.set(null)
    held.set(null, undefined, undefined, reason)
    await keep.write(null).then(() => inCookies || mark(false), ignore)
    tell()
  }

  const renewal = createRenewal({
    ...{ held, keep, server, inCookies, accept },
    tabs: () => tabs,
    end: endHere,
  })

  const { hear, watch } = createFollower({ held, keep, inCookies }, renewal)

  /** Marks a logout until it is stored, or the server knows of it: the page may be left. */
  const mark = (isLeaving: boolean) => {
    if (inCookies || database) markLogout(name, isLeaving)
  }

  /** Tells the server that the login has ended. */
  const leave = async (login?: Login | null) => {
    const body = inCookies ? undefined : { refresh_token: login?.refresh }
    await (leaving = server.post('/logout', body).then(() => mark(false)))
  }

  const restore = async () => {
    if (storage !== 'memory') tabs = joinTabs(name, hear)
    if (globalThis.document) watch()
    const isLeaving = await isMarked()
    if (isLeaving) await keep.write(null).catch(ignore)
    if (isLeaving || !inCookies)
      await keep.read().then(
        (kept) => held.set(kept ?? null),
        (error: LatchkeyError) => held.set(null, undefined, undefined, error),
      )
    if (!inCookies) return
    const known = isLeaving ? leave() : renewal.renew()
    await Promise.race([known.catch(ignore), sleep(startMs)])
  }

  const start = async () => await (starting ??= restore())

  const end = async () => {
    await start()
    logouts += 1
    renewal.stop()
    await endHere()
  }

  return {
    held,
    start,
    enter: async (path, body) => {
      await start()
      const count = logouts
      await leaving?.catch(ignore)
      const key = await database?.createKey()
      // A renewal that comes later would put back the cookies of the earlier login.
      renewal.stop()
      const since = performance.now()
      const sent = inCookies ? { ...body, transport: 'cookie' } : body
      const reply = await server.post(path, sent, key)
      // Also one that began meanwhile.
      renewal.stop()
      const { status, email_verified: isVerified } = Object(reply) as Partial<Pending>
      if (status === 'mail_sent' || isVerified) return null
      const login = loginOf(requireTokens(reply, inCookies), { key })
      try {
        await keep.write(login)
        if (count !== logouts) throw loggedOut()
      } catch (error) {
        await keep.write(held.login).catch(ignore)
        mark(inCookies)
        await leave(login).catch(ignore)
        throw error
      }
      mark(false)
      const { expires_in: seconds } = reply as TokenReply
      held.set(login, seconds, since)
      tell(seconds)
      return login.user
    },
    current: async () => {
      await start()
      const { login } = held
      const freshness = held.freshness()
      if (freshness === 'expired') await renewal.renew()
      else if (freshness !== 'fresh') {
        const renewed = renewal.renew().catch(ignore)
        if (freshness === 'unknown') await renewed
      }
      // Never send the request of one account with the token of another.
      if (login && held.login && held.login.id !== login.id) throw loggedOut()
      return held.login ?? ((await isMarked()) ? undefined : null)
    },
    mend: async (used) => {
      if (held.login === used) {
        if (held.isNew()) return false
        await renewal.renew()
      }
      return held.login !== used && held.login?.id === used.id
    },
    replace: async (reply, login, since) => {
      const tokens = requireTokens(reply, inCookies)
      if (!login || held.login?.id !== login.id) throw loggedOut()
      renewal.stop()
      await accept(tokens, login, since)
      return tokens.user
    },
    recheck: async () => {
      if (held.login) await renewal.renew().catch(ignore)
    },
    setUser: async (user) => {
      const { login } = held
      if (login?.user.id !== user.id) return
      held.update(user)
      await renewKept(login)
      tell()
    },
    end,
    logout: async () => {
      mark(true)
      await start()
      // Another tab may have logged in, unheard.
      const kept = held.login ?? (await keep.read().catch(() => null))
      const login = held.login ?? kept
      const left = login || inCookies ? leave(login) : undefined
      // Without the server, only cookies are left.
      await Promise.all([end(), inCookies ? left : left?.catch(ignore)])
    },
  }
}
