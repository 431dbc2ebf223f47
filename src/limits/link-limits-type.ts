/**
 * Bounds what is done with the links of mails. Both functions expect a token whose signature
 * was verified: a forged token must not count against an account.
 */
export interface LinkLimits {
  /**
   * Counts a use of a link. By the link and not by the account: a thief with an old link must
   * not use up what the owner's link has.
   *
   * @param jti the id of the token
   * @throws Problem `rate_limited`
   */
  countUse: (jti: string) => Promise<void>
  /**
   * Counts a try with a password beside a link, then acts. After ten tries that ended with
   * `wrong_password` or `weak_password` the link is dead. A try that ends in another way is not
   * counted.
   *
   * @param jti the id of the token
   * @throws Problem `invalid_one_time_token` if the link is dead, and what `act` throws
   */
  tryLink: <T>(jti: string, act: () => Promise<T>) => Promise<T>
}

/** No limits: for a server behind a gateway that has them. */
export const unlimitedLinks: LinkLimits = {
  countUse: async () => {},
  tryLink: async (_jti, act) => await act(),
}
