import type { Weakness } from '../errors.js'
import type { Estimator } from './strength.js'

/** The max length in code points after normalisation (ASVS 6.2.9 requires 64 or more). */
export const passwordMaxLength = 256

/**
 * The min score of the estimator: 3 of 4, "safely unguessable" by an offline attack on a slow
 * hash.
 */
const minScore = 3

/** The identity of an account; its password must not consist of it (ASVS 6.2.11). */
export interface PasswordContext {
  email: string
  name?: string | null
}

/** The reasons for refusing a password, with advice. Without reasons, it is accepted. */
export interface Verdict {
  reasons: Weakness[]
  advice: string[]
}

/**
 * Normalises a password for hashing: Unicode NFKC (NIST SP 800-63B-4 §3.1.1.2), otherwise
 * verbatim. Returns null for ill-formed Unicode, because different passwords would become the
 * same bytes.
 */
export function normalisePassword(text: string): string | null {
  return text.isWellFormed() ? text.normalize('NFKC') : null
}

/**
 * Judges a normalised password by the policy: its length in code points, the e-mail address of
 * the account, and its strength.
 */
export async function judgePassword(
  password: string,
  { email, name }: PasswordContext,
  { minLength, estimate }: { minLength: number; estimate: Estimator },
): Promise<Verdict> {
  const length = [...password].length
  if (length > passwordMaxLength)
    return { reasons: ['too_long'], advice: [`Use at most ${passwordMaxLength} characters.`] }
  const reasons: Weakness[] = []
  const advice: string[] = []
  if (length < minLength) {
    reasons.push('too_short')
    advice.push(`Use at least ${minLength} characters.`)
  }
  if (containsEmail(password, email)) {
    reasons.push('contains_email')
    advice.push('Do not include your e-mail address.')
  }
  const { score, advice: hints } = await estimate(password, contextWords(email, name))
  if (score < minScore) {
    reasons.push('too_guessable')
    advice.push(...hints)
  }
  return { reasons, advice }
}

// Strong passwords contain very short local parts by chance.
function containsEmail(password: string, email: string): boolean {
  const text = password.toLowerCase()
  const [local = ''] = email.split('@')
  return [email, local].some((part) => [...part].length >= 4 && text.includes(part))
}

function contextWords(email: string, name: string | null | undefined): string[] {
  return ['latchkey', email, ...email.split(/[@.+_-]/), ...(name ?? '').split(/\s+/)].filter(
    (word) => word.length > 2,
  )
}
