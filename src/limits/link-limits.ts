import { Problem, type ProblemCode } from '../errors.js'
import type { LinkLimits } from './link-limits-type.js'
import type { Limiters } from './limiters.js'

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
