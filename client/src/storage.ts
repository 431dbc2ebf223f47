import type { User } from './reply.js'

/** A login, as it is kept. Its tokens never change; a renewed login is a new object. */
export interface Login {
  /** Tells two logins apart, also those of one account. A renewed login keeps it. */
  id: string
  user: User
  /** Undefined with the storage `cookie`. */
  access?: string | undefined
  /** Undefined with the storage `cookie`. */
  refresh?: string | undefined
  /** The key that the tokens are bound to, with the storage `dpop`. */
  key?: CryptoKeyPair | undefined
}

/** The place where one login outlives the page, for all tabs. */
export interface Keep {
  /**
   * Returns the login; null after a logout; undefined if there is neither, or if the storage
   * was cleared. A page keeps its login when its storage is cleared.
   */
  read: () => Promise<Login | null | undefined>
  /** Replaces the login. A login that cannot be stored lasts as long as the page. */
  write: (login: Login | null) => Promise<void>
  /**
   * Replaces a login by its renewed one. Does nothing if a logout or another login was faster.
   * Returns what is kept then.
   */
  renew: (login: Login) => Promise<Login | null | undefined>
}

/** Returns whether a renewed login must not replace what is kept. */
export const isReplaced = (kept: Login | null | undefined, login: Login): boolean =>
  kept !== undefined && kept?.id !== login.id

/**
 * Keeps the login in localStorage. A browser may refuse every access to it, or refuse to write
 * when it is full.
 */
export function keepInLocalStorage(name: string): Keep {
  const read = (): Login | null | undefined => {
    try {
      const login = JSON.parse(localStorage.getItem(name) ?? '') as Login | null
      return login === null || (login.refresh && login.user.id) ? login : undefined
    } catch {
      return undefined
    }
  }
  const write = (login: Login | null) => {
    try {
      localStorage.setItem(name, JSON.stringify(login))
    } catch {
      // Full. An older token of the same login still works after a reload. Otherwise no login is
      // better than one that has ended.
      if (read()?.id !== login?.id) markLogout(name, false)
    }
  }
  return {
    read: async () => read(),
    write: async (login) => write(login),
    renew: async (login) => {
      const kept = read()
      if (isReplaced(kept, login)) return kept
      write(login)
      return login
    },
  }
}

/** Stores or removes the mark of a logout in localStorage, if the browser allows it. */
export function markLogout(name: string, isMarked: boolean): void {
  try {
    if (isMarked) localStorage.setItem(name, 'null')
    else localStorage.removeItem(name)
  } catch {
    // Then it lasts as long as the page.
  }
}

/** Resolves after a time in milliseconds. */
export const sleep = async (ms: number): Promise<void> =>
  await new Promise((resolve) => setTimeout(resolve, ms))
