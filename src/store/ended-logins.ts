/** A login that was logged out before its refresh tokens expired. */
export interface EndedLogin {
  /** The id of the login: the claim `sid` of its tokens. */
  sid: string
  /** When the last of its refresh tokens expires, in seconds since 1970. */
  end: number
}

/** The max ended logins of an account, besides the entry of a raised epoch. */
export const maxEndedLogins = 50

/**
 * An entry is kept for this long after its end, in seconds. A refresh token is accepted shortly
 * after it expires, the clocks of servers differ, and a refresh that runs beside the logout may
 * issue one more token.
 */
const marginSeconds = 5 * 60

/** How far the clocks of two servers may differ, in seconds. */
const leewaySeconds = 30

/** The id of the entry that ends every earlier login. No login has it. */
const everyLogin = 'every-login'

/** The ended logins of an account without any. */
export const noEndedLogins = '[]'

/**
 * Returns the column of an account whose epoch is raised now: every login has ended. A token
 * does not always name its epoch, so the time tells later which logins that were.
 *
 * @param now in milliseconds since 1970
 */
export function endEveryLogin(now: number): string {
  return toEndedLogins([{ sid: everyLogin, end: Math.floor(now / 1000) }])
}

/**
 * Reads the ended logins of an account, oldest first.
 *
 * @param column `ended_logins` of the account: JSON pairs of `sid` and `end`
 */
export function readEndedLogins(column: string): EndedLogin[] {
  return (JSON.parse(column) as Array<[string, number]>).map(([sid, end]) => ({ sid, end }))
}

/** Returns the column for a list of ended logins. */
export function toEndedLogins(logins: EndedLogin[]): string {
  return JSON.stringify(logins.map(({ sid, end }) => [sid, end]))
}

/** Returns whether a login has ended. An entry past its end counts until it is dropped. */
export function hasEnded(column: string, sid: string): boolean {
  return readEndedLogins(column).some((login) => login.sid === sid)
}

/** A login that ends now, and the time when it began, in seconds since 1970. */
export type EndingLogin = EndedLogin & { authTime: number }

/**
 * Adds a login that ends now. Drops the entries whose refresh tokens have all expired.
 *
 * @param now in milliseconds since 1970
 * @returns `column`: the new column, or null if the list has {@link maxEndedLogins}. Returns
 *   null, and no column, if the login has ended already: there is nothing to write
 */
export function addEndedLogin(
  column: string,
  { sid, end, authTime }: EndingLogin,
  now: number,
): { column: string | null } | null {
  const logins = readEndedLogins(column)
  const every = logins.filter((login) => login.sid === everyLogin)
  if (every.some((raised) => authTime < raised.end - leewaySeconds)) return null
  if (logins.some((login) => login.sid === sid)) return null
  const kept = logins.filter(
    (login) => login.sid !== everyLogin && now < (login.end + marginSeconds) * 1000,
  )
  if (kept.length >= maxEndedLogins) return { column: null }
  return { column: toEndedLogins([...every, ...kept, { sid, end }]) }
}
