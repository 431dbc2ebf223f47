import type { Clock } from '../clock.js'
import type { Account, Accounts } from '../store/accounts.js'

/** The time within which a second login is not noted, in milliseconds. */
const hour = 3_600_000

/**
 * Notes the time of a login in the background, at most once an hour for each account. It never
 * fails and never delays the login. A sign-up notes it in the statement that creates the
 * account.
 */
export type NoteLogin = (account: Pick<Account, 'id' | 'lastLoginAt'>) => void

/** The dependencies of {@link createNoteLogin}. */
export interface NoteLoginParts {
  accounts: Pick<Accounts, 'recordLogin'>
  clock: Clock
  logger: { debug: (line: object, message: string) => void }
}

/** Creates {@link NoteLogin}. */
export function createNoteLogin({ accounts, clock, logger }: NoteLoginParts): NoteLogin {
  return ({ id, lastLoginAt }) => {
    if (lastLoginAt !== null && clock() - lastLoginAt.getTime() <= hour) return
    // The reply goes first: SQLite may block the thread while it writes.
    setImmediate(() => {
      // The database may be away, or be closed at this moment. The next login notes its time.
      accounts.recordLogin(id).catch((error: unknown) => {
        logger.debug({ err: error }, 'the time of a login was not noted')
      })
    })
  }
}
