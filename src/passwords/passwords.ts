import { Problem } from '../errors.js'
import { createHasher, type HashCost } from './hash.js'
import { judgePassword, normalisePassword, type PasswordContext, passwordMaxLength } from './policy.js'
import type { Estimator } from './strength.js'

/** Everything the product does with a password. Passwords go in as the client sent them. */
export interface Passwords {
  /**
   * Hashes a new password.
   * @param pointer where it stands in the request, for `invalid_request`
   * @throws Problem `weak_password` with every reason and how to do better, or `invalid_request` for ill-formed Unicode
   */
  accept: (password: string, context: PasswordContext, pointer?: string) => Promise<string>
  /** Whether a password belongs to a hash; false after the same work for no hash and for a password that no account can have. */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /** A hash of the same password at today's cost; null when the stored one is as strong. Call it only after {@link matches}. */
  upgrade: (password: string, hash: string) => Promise<string | null>
}

/** What {@link createPasswords} needs; `onUnreadableHash` only where passwords are compared. */
export interface PasswordsDeps { cost: HashCost, minLength: number, estimate: Estimator, onUnreadableHash?: () => void }

/** Makes one hash before it answers, for {@link Passwords.matches} to compare with where there is no account. */
export async function createPasswords ({ cost, minLength, estimate, onUnreadableHash }: PasswordsDeps): Promise<Passwords> {
  const hasher = await createHasher(cost, onUnreadableHash)
  return {
    accept: async (text, context, pointer = '/password') => {
      const password = normalisePassword(text)
      if (password === null) throw new Problem('invalid_request', { errors: [{ pointer, detail: 'must be well-formed Unicode' }] })
      const { reasons, advice } = await judgePassword(password, context, { minLength, estimate })
      if (reasons.length > 0) throw new Problem('weak_password', { reasons, detail: advice.join(' ') })
      return await hasher.hash(password)
    },
    matches: async (text, hash) => {
      const password = normalisePassword(text)
      const possible = password !== null && [...password].length <= passwordMaxLength
      if (!possible) return await hasher.matches('', null)
      // Other systems have hashed what was typed.
      for (const one of new Set([password, text])) if (await hasher.matches(one, hash)) return true
      return false
    },
    upgrade: async (text, hash) => {
      const password = normalisePassword(text)
      return password !== null && hasher.isWeak(hash) ? await hasher.hash(password) : null
    }
  }
}
