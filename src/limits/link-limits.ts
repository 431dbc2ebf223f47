import { Problem, type ProblemCode } from '../errors.js'
import type { Limiters } from './limiters.js'

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

/** Tries that count against a link. */
const failures: ReadonlySet<ProblemCode> = new Set(['wrong_password', 'weak_password'])

/** {@link LinkLimits} by the table of limits. */
export function createLinkLimits(
  limiters: Pick<Limiters, 'link-use' | 'link-password'>,
): LinkLimits {
  return {
    countUse: async (jti) => {
      await limiters['link-use'].take(jti)
    },
    tryLink: async (jti, act) => {
      // Count first: of a thousand tries at once, ten get through.
      const { undo } = await limiters['link-password'].take(jti).catch(() => {
        throw new Problem('invalid_one_time_token')
      })
      try {
        const done = await act()
        await undo()
        return done
      } catch (error) {
        if (!(error instanceof Problem && failures.has(error.code))) await undo()
        throw error
      }
    },
  }
}
