/** A login that was logged out before its refresh tokens expired. */
export interface EndedLogin {
  /** The id of the login: the claim `sid` of its tokens. */
  sid: string
  /** When the last of its refresh tokens expires, in seconds since 1970. */
  end: number
}

/** The max ended logins of an account. */
export const maxEndedLogins = 50

/**
 * An entry is kept for this long after its end, in seconds. A refresh token is accepted shortly
 * after it expires, the clocks of servers differ, and a refresh that runs beside the logout may
 * issue one more token.
 */
const marginSeconds = 5 * 60

/** The ended logins of an account without any. */
export const noEndedLogins = '[]'

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

/**
 * Adds a login that ends now. Drops the entries whose refresh tokens have all expired.
 *
 * @param now in milliseconds since 1970
 * @returns `column`: the new column, or null if the list has {@link maxEndedLogins}. Returns
 *   null, and no column, if the login is in the list already: there is nothing to write
 */
export function addEndedLogin(
  column: string,
  login: EndedLogin,
  now: number,
): { column: string | null } | null {
  if (hasEnded(column, login.sid)) return null
  const kept = readEndedLogins(column).filter(({ end }) => now < (end + marginSeconds) * 1000)
  return { column: kept.length >= maxEndedLogins ? null : toEndedLogins([...kept, login]) }
}
