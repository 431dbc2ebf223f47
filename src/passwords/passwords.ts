import { Problem } from '../errors.js'
import type { HashGate, HashLoad } from './gate.js'
import { createHasher, type HashCost, unusableHash } from './hash.js'
import { judgePassword, normalisePassword, type PasswordContext, passwordMaxLength } from './policy.js'
import type { Estimator } from './strength.js'

/** Where a new password comes from: the network of the caller takes turns with others at the estimator, and `pointer` says where the password is in the request. */
export interface Origin { network?: string, pointer?: string }

/** What one request does with passwords. They go in as the client sent them. */
export interface Hashing {
  /**
   * Judges and hashes a new password.
   * @throws Problem `weak_password` with every reason and how to do better, `invalid_request` for ill-formed Unicode, or `overloaded`
   */
  accept: (password: string, context: PasswordContext, origin?: Origin) => Promise<string>
  /** Whether a password belongs to a hash; false after the same work for no hash and for a password that no account can have. */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /** A hash of the same password at today's cost; null when the stored one is as strong, or when its system looked at a part of the password only and the rest may be mistyped. Call it only after {@link matches}. */
  upgrade: (password: string, hash: string) => Promise<string | null>
}

/** Everything the product does with a password. */
export interface Passwords {
  /**
   * Judges and hashes a new password for a request that compares none. It is refused on arrival if it could not hash in time. It takes no place at the gate while it
   * waits for the estimator: a place is a promise of a hash, which keeps others out.
   * @param origin also with a signal that aborts when the client has hung up
   * @throws Problem as {@link Hashing.accept}
   */
  accept: (password: string, context: PasswordContext, origin: Origin & { signal: AbortSignal | null }) => Promise<string>
  /**
   * Lets a request hash, as the gate does: refused on arrival, before an account is looked up for it, or served.
   * @param signal aborts when the client has hung up; null where there is none
   * @throws Problem `overloaded`
   */
  inTurn: <T>(signal: AbortSignal | null, body: (hashing: Hashing) => Promise<T>) => Promise<T>
  /** Refuses a request that could not hash in time, before anything is done for it. @throws Problem `overloaded` */
  requireRoom: () => void
  /** A hash that no password matches, new each time. */
  unusableHash: () => string
  load: () => HashLoad
}

/** What {@link createPasswords} needs; `onUnreadableHash` only where passwords are compared. */
export interface PasswordsDeps { cost: HashCost, minLength: number, estimate: Estimator, gate: HashGate, onUnreadableHash?: () => void }

/** Makes one hash before it answers, for {@link Hashing.matches} to compare with where there is no account. By it the gate learns what a hash takes. */
export async function createPasswords ({ cost, minLength, estimate, gate, onUnreadableHash }: PasswordsDeps): Promise<Passwords> {
  const hasher = await gate.enter(null, async (turn) => await turn(async () => await createHasher(cost, onUnreadableHash)))
  /** The normal form of a new password that fits the policy. */
  const judge = async (text: string, context: PasswordContext, { network = '', pointer = '/password' }: Origin, signal: AbortSignal | null) => {
    const password = normalisePassword(text)
    if (password === null) throw new Problem('invalid_request', { errors: [{ pointer, detail: 'must be well-formed Unicode' }] })
    const { reasons, advice } = await judgePassword(password, context, { minLength, estimate: async (text, words) => await estimate(text, words, { network, signal }) })
    if (reasons.length > 0) throw new Problem('weak_password', { reasons, detail: advice.join(' ') })
    return password
  }
  return {
    load: gate.load,
    requireRoom: gate.requireRoom,
    unusableHash,
    accept: async (text, context, { signal, ...origin }) => {
      gate.requireRoom()
      const password = await judge(text, context, origin, signal)
      return await gate.enter(signal, async (turn) => await turn(async () => await hasher.hash(password)))
    },
    inTurn: async (signal, body) => await gate.enter(signal, async (turn) => await body({
      accept: async (text, context, origin = {}) => {
        const password = await judge(text, context, origin, signal)
        return await turn(async () => await hasher.hash(password))
      },
      matches: async (text, hash) => {
        const password = normalisePassword(text)
        const possible = password !== null && [...password].length <= passwordMaxLength
        return await turn(async () => {
          if (!possible) return await hasher.matches('', null)
          // Other systems have hashed what was typed.
          for (const one of new Set([password, text])) if (await hasher.matches(one, hash)) return true
          return false
        })
      },
      upgrade: async (text, hash) => {
        const password = normalisePassword(text)
        const isWhole = password !== null && [password, text].every((one) => hasher.isWhole(hash, one))
        return isWhole && hasher.isWeak(hash) ? await turn(async () => await hasher.hash(password)) : null
      }
    }))
  }
}
