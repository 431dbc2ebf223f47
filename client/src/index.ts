import { LatchkeyError, type Problem } from './error.js'
import type { Listener } from './held.js'
import { errorOf, type User } from './reply.js'
import { createServer } from './server.js'
import { createSession, type Storage } from './session.js'

/** The error of the client, and what it tells. */
export { LatchkeyError, type Listener, type Problem, type User }

/** The options of {@link createLatchkey}. */
export interface LatchkeyOptions {
  /** The PUBLIC_URL of the server, or a path on the origin of the page, such as `/auth`. */
  url: string
  /**
   * Where the tokens are:
   *
   * - `memory`: in this page; a reload logs out
   * - `local`: in localStorage, where every script of the origin can copy them
   * - `cookie`: in cookies that scripts cannot read; the page and the server are on one site
   * - `dpop`: in IndexedDB, bound to a key that cannot be copied (RFC 9449)
   */
  storage: Storage
  /** More origins that may get the token, such as `https://api.example.com`. */
  origins?: readonly string[] | undefined
}

/**
 * Holds one login, for all tabs of an origin. A promise is rejected with {@link LatchkeyError},
 * whose `code` says why.
 */
export interface Latchkey {
  /** The user, or null. It is the same object until something in it changes. */
  readonly user: User | null
  /**
   * Resolves when `user` is known: the stored login is restored, or there is none. Never
   * rejects.
   */
  readonly ready: Promise<void>
  /** Creates an account and logs in. Resolves to null if the link in a mail does that later. */
  signup: (body: {
    email: string
    password: string
    name?: string | undefined
  }) => Promise<User | null>
  login: (body: { email: string; password: string }) => Promise<User>
  /**
   * Ends the login here and on the server. If the server cannot be reached, it is ended here.
   * With the storage `cookie` the promise is rejected then: only the server can remove the
   * cookies. Until it has, the client stays logged out, and tries again when it is loaded.
   */
  logout: () => Promise<void>
  /** Ends every login of the account. */
  logoutEverywhere: () => Promise<void>
  /** Changes the password, and logs out every other client. */
  changePassword: (body: { current_password: string; new_password: string }) => Promise<User>
  /** Mails a link to a new password, if there is such an account. */
  forgotPassword: (email: string) => Promise<void>
  /** Mails the link of a sign-up or of a verification again, if there is such an account. */
  resendVerification: (email: string) => Promise<void>
  /** Sets a new password with the token of a link, and logs out every client. */
  resetPassword: (body: { token: string; new_password: string }) => Promise<void>
  /** Verifies an address with the token of a link. The link of a sign-up logs in. */
  verifyEmail: (token: string) => Promise<User | null>
  /** Mails a link to the new address. The link confirms it. */
  changeEmail: (body: { new_email: string; password: string }) => Promise<void>
  /** Confirms a new address with the token of a link, as its user or with the password. */
  confirmEmailChange: (body: { token: string; password?: string | undefined }) => Promise<User>
  /** Takes an account back with the token of a notice. The reply has a token for a new password. */
  undoEmailChange: (token: string) => Promise<{ reset_token: string; expires_in: number }>
  /** Changes the name. */
  updateUser: (body: { name: string | null }) => Promise<User>
  /** Reads the user again, for changes that were made elsewhere. */
  reloadUser: () => Promise<User>
  /** Deletes the account, for ever. */
  deleteUser: (body: { password: string }) => Promise<void>
  /**
   * Like `fetch`, with the token. Gets new tokens ahead of time, and after a 401; then it sends
   * the request once more, unless the body is a stream. Logged out, it sends no token.
   */
  fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>
  /**
   * Resolves to an access token, for a library that sets the header itself. Resolves to null if
   * logged out, and with the storage `cookie`. With `dpop` use `fetch`: a token needs a proof.
   */
  token: () => Promise<string | null>
  /**
   * Calls a listener after each change of the user, not for new tokens. With `immediate`, also
   * once when the user is known. Returns a function that removes the listener.
   */
  onchange: (listener: Listener, options?: { immediate?: boolean }) => () => void
}

/** Creates the client. It touches nothing before its first use, so that a server can import it. */
export function createLatchkey({ url, storage, origins = [] }: LatchkeyOptions): Latchkey {
  const base = url.replace(/\/+$/, '')
  const server = createServer({ url: base, origins, inCookies: storage === 'cookie' })
  const session = createSession(storage, `latchkey:${storage}:${base}`, server)
  const { held, start, enter } = session

  const authFetch: Latchkey['fetch'] = async (input, init) => {
    let signal: AbortSignal | undefined
    try {
      const request = server.requestOf(input, init)
      const aborts = (signal = request.signal)
      aborts.throwIfAborted()
      const isOnce = init?.body instanceof ReadableStream
      const work = async () => {
        const used = await session.current()
        const response = await server.send(request, used, isOnce)
        const isRefused = response.status === 401 && used && !isOnce
        return isRefused && (await session.mend(used))
          ? await server.send(request, held.login)
          : response
      }
      return await new Promise((resolve, reject) => {
        aborts.onabort = reject
        work().then(resolve, reject)
      })
    } catch (error) {
      throw signal?.aborted ? signal.reason : errorOf(error)
    } finally {
      // A signal with a listener is kept as long as the signal of the caller.
      if (signal) signal.onabort = null
    }
  }

  const call = (method: string, path: string, body?: object) =>
    server.call(authFetch, method, path, body)

  const readUser = async (method: string, path: string, body?: object) => {
    const user = (await call(method, path, body)) as User
    await session.setUser(user)
    return user
  }

  const reloadUser = () => readUser('GET', '/me')

  /** Ends every login of the account, on the server first. */
  const endAll = async (path: string, body?: object) => {
    const login = await session.current()
    await call('POST', path, body)
    // Another account may have logged in meanwhile.
    if (held.login?.id === login?.id) await session.end()
  }

  const post = server.post as (path: string, body: object) => Promise<void>

  return {
    get user() {
      return held.user
    },
    get ready() {
      return start()
    },
    signup: (body) => enter('/signup', body),
    login: async (body) => (await enter('/login', body)) as User,
    logout: session.logout,
    logoutEverywhere: () => endAll('/logout/everywhere'),
    changePassword: async (body) => {
      const login = await session.current()
      const since = performance.now()
      return await session.replace(await call('POST', '/password/change', body), login, since)
    },
    forgotPassword: (email) => post('/password/forgot', { email }),
    resendVerification: (email) => post('/email/resend', { email }),
    resetPassword: async (body) => {
      await post('/password/reset', body)
      await session.recheck()
    },
    verifyEmail: async (token) => {
      const user = await enter('/email/verify', { token })
      // The link has done its work, and works only once.
      return user ?? (held.login && (await reloadUser().catch(() => held.user)))
    },
    changeEmail: async (body) => {
      await call('POST', '/email/change', body)
    },
    confirmEmailChange: (body) => readUser('POST', '/email/change/confirm', body),
    undoEmailChange: async (token) => {
      const reply = await server.post('/email/undo', { token })
      await session.recheck()
      return reply as { reset_token: string; expires_in: number }
    },
    updateUser: (body) => readUser('PATCH', '/me', body),
    reloadUser,
    deleteUser: (body) => endAll('/me/delete', body),
    fetch: authFetch,
    token: async () => (await session.current())?.access ?? null,
    onchange: (listener, { immediate = false } = {}) => {
      const ready = start()
      return held.onchange(listener, immediate ? ready : null)
    },
  }
}
