/** Where a password comes from, as far as its limits care. */
export interface Place {
  /** The network of the caller, in its one spelling. */
  network: string
  /** What the caller sent as device tokens; it may be anything. */
  devices: readonly string[]
}

/**
 * Bounds how often passwords are guessed. Every comparison of a password with that of an
 * account goes through here (ASVS 6.3.1, 6.3.4).
 */
export interface Attempts {
  /**
   * Counts an attempt at an address, then compares. A wrong password stays counted. A right one
   * is not counted and ends the counts of the address at this place, never those that all
   * places share: strangers must not get more guesses by it. An attempt that failed for another
   * reason is not counted. It makes no difference whether the address has an account.
   *
   * @param email in canonical form
   * @param compare answers null when the password is wrong
   * @throws Problem `rate_limited` before anything is compared, also where the password would
   *   be right; what `compare` throws
   */
  guard: <T>(email: string, place: Place, compare: () => Promise<T | null>) => Promise<T | null>
  /** Ends every count of an address, for its owner has proven to read the mailbox. */
  forgive: (email: string, place: Place) => Promise<void>
}

/** No limits: for a server behind a gateway that has them. */
export const unlimited: Attempts = {
  guard: async (_email, _place, compare) => await compare(),
  forgive: async () => {},
}
