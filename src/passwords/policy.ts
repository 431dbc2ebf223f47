import type { Weakness } from '../errors.js'
import type { Estimator } from './strength.js'

/** Longest password, in code points after normalisation (ASVS 6.2.9 asks for 64 or more). */
export const passwordMaxLength = 256

/**
 * Least score of the estimator: 3 of 4, "safely unguessable" by an offline attack on a slow
 * hash.
 */
const leastScore = 3

/** What an account is known by; a password must not be made of it (ASVS 6.2.11). */
export interface PasswordContext {
  email: string
  name?: string | null
}

/** Why a password is refused and how to do better; no reasons means that it is accepted. */
export interface Verdict {
  reasons: Weakness[]
  advice: string[]
}

/**
 * A password in the one form that is hashed: Unicode NFKC (NIST SP 800-63B-4 §3.1.1.2),
 * otherwise verbatim. Null for ill-formed Unicode, in which different passwords would become
 * the same bytes.
 */
export function normalisePassword(text: string): string | null {
  return text.isWellFormed() ? text.normalize('NFKC') : null
}

/**
 * Judges a normalised password against the policy: length in code points, the account's own
 * e-mail, and how soon it would be guessed.
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
    advice.push('Leave your e-mail address out of it.')
  }
  const { score, advice: hints } = await estimate(password, contextWords(email, name))
  if (score < leastScore) {
    reasons.push('too_guessable')
    advice.push(...hints)
  }
  return { reasons, advice }
}

// Very short local parts occur in good passwords by chance.
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
