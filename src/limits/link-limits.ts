import { Problem, type ProblemCode } from '../errors.js'
import type { Limiters } from './limiters.js'

/**
 * Limits the use of links in mails. Both functions expect a verified token: a forged token must
 * not count against an account.
 */
export interface LinkLimits {
  /**
   * Counts a use of a link, by link and not by account. A thief with an old link must not use
   * up the limit of the owner's link.
   *
   * @param jti the id of the token
   * @throws Problem `rate_limited`
   */
  countUse: (jti: string) => Promise<void>
  /**
   * Counts a try with a password beside a link, then calls `act`. After ten tries that failed
   * with `wrong_password` or `weak_password`, the link is dead. Other results are not counted.
   *
   * @param jti the id of the token
   * @throws Problem `invalid_one_time_token` if the link is dead; the error of `act`
   */
  tryLink: <T>(jti: string, act: () => Promise<T>) => Promise<T>
}

/** No limits, for a server behind a gateway that has them. */
export const unlimitedLinks: LinkLimits = {
  countUse: async () => {},
  tryLink: async (_jti, act) => await act(),
}

/** The errors that count against a link. */
const failures: ReadonlySet<ProblemCode> = new Set(['wrong_password', 'weak_password'])

/** Creates {@link LinkLimits} by the table of limits. */
export function createLinkLimits(
  limiters: Pick<Limiters, 'link-use' | 'link-password'>,
): LinkLimits {
  return {
    countUse: async (jti) => {
      await limiters['link-use'].take(jti)
    },
    tryLink: async (jti, act) => {
      // Count first: of a thousand tries at once, ten pass.
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
