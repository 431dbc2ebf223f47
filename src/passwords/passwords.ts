import { Problem } from '../errors.js'
import type { Waiter } from './fair-queue.js'
import type { HashGate, HashLoad } from './gate.js'
import { createHasher, type HashCost, unusableHash } from './hash.js'
import {
  judgePassword,
  normalisePassword,
  type PasswordContext,
  passwordMaxLength,
} from './policy.js'
import type { Estimator } from './strength.js'

/** What one request does with passwords. They go in as the client sent them. */
export interface Hashing {
  /**
   * Judges and hashes a new password.
   *
   * @param pointer where it stands in the request, for `invalid_request`
   * @throws Problem `weak_password` with every reason and how to do better, `invalid_request`
   *   for ill-formed Unicode, or `overloaded`
   */
  hashNew: (password: string, context: PasswordContext, pointer?: string) => Promise<string>
  /**
   * Whether a password belongs to a hash; false after the same work for no hash and for a
   * password that no account can have.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /**
   * A hash of the same password at today's cost; null when the stored one is as strong, or when
   * its system looked at a part of the password only and the rest may be mistyped. Call it only
   * after {@link matches}.
   */
  upgrade: (password: string, hash: string) => Promise<string | null>
}

/** Everything the product does with a password. */
export interface Passwords {
  /**
   * Judges and hashes a new password for a request that compares none. It is refused on arrival
   * if it could not hash in time. It takes no place at the gate while it waits for the
   * estimator: a place is a promise of a hash, which keeps others out.
   *
   * @throws Problem as {@link Hashing.hashNew}
   */
  hashNew: (
    password: string,
    context: PasswordContext,
    caller: Waiter,
    pointer?: string,
  ) => Promise<string>
  /**
   * Lets a request hash, as the gate does: refused on arrival, before an account is looked up
   * for it, or served.
   *
   * @param caller networks take turns; null for the operator
   * @throws Problem `overloaded`
   */
  withHashSlot: <T>(caller: Waiter | null, body: (hashing: Hashing) => Promise<T>) => Promise<T>
  /**
   * Refuses a request that could not hash in time, before anything is done for it.
   *
   * @param network of the caller
   * @throws Problem `overloaded`
   */
  requireRoom: (network: string) => void
  /** A hash that no password matches, new each time. */
  unusableHash: () => string
  load: () => HashLoad
}

/** What {@link createPasswords} needs; `onUnreadableHash` only where passwords are compared. */
export interface PasswordsDeps {
  cost: HashCost
  minLength: number
  estimate: Estimator
  gate: HashGate
  onUnreadableHash?: () => void
}

/**
 * Makes one hash before it answers, for {@link Hashing.matches} to compare with where there is
 * no account. By it the gate learns what a hash takes.
 */
export async function createPasswords({
  cost,
  minLength,
  estimate,
  gate,
  onUnreadableHash,
}: PasswordsDeps): Promise<Passwords> {
  const hasher = await gate.enter(
    null,
    async (turn) => await turn(async () => await createHasher(cost, onUnreadableHash)),
  )
  /** The normal form of a new password that fits the policy. */
  const judge = async (
    text: string,
    context: PasswordContext,
    caller: Waiter,
    pointer = '/password',
  ) => {
    const password = normalisePassword(text)
    if (password === null)
      throw new Problem('invalid_request', {
        errors: [{ pointer, detail: 'must be well-formed Unicode' }],
      })
    const { reasons, advice } = await judgePassword(password, context, {
      minLength,
      estimate: async (text, words) => await estimate(text, words, caller),
    })
    if (reasons.length > 0)
      throw new Problem('weak_password', { reasons, detail: advice.join(' ') })
    return password
  }
  return {
    load: gate.load,
    requireRoom: gate.requireRoom,
    unusableHash,
    hashNew: async (text, context, caller, pointer) => {
      gate.requireRoom(caller.network)
      const password = await judge(text, context, caller, pointer)
      return await gate.enter(
        caller.signal ?? null,
        async (turn) => await turn(async () => await hasher.hash(password)),
        caller.network,
      )
    },
    withHashSlot: async (caller, body) =>
      await gate.enter(
        caller?.signal ?? null,
        async (turn) =>
          await body({
            hashNew: async (text, context, pointer) => {
              const password = await judge(text, context, caller ?? { network: '' }, pointer)
              return await turn(async () => await hasher.hash(password))
            },
            matches: async (text, hash) => {
              const password = normalisePassword(text)
              const possible = password !== null && [...password].length <= passwordMaxLength
              return await turn(async () => {
                if (!possible) return await hasher.matches('', null)
                // Other systems have hashed what was typed.
                for (const one of new Set([password, text]))
                  if (await hasher.matches(one, hash)) return true
                return false
              })
            },
            upgrade: async (text, hash) => {
              const password = normalisePassword(text)
              const isWhole =
                password !== null && [password, text].every((one) => hasher.isWhole(hash, one))
              return isWhole && hasher.isWeak(hash)
                ? await turn(async () => await hasher.hash(password))
                : null
            },
          }),
        caller?.network,
      ),
  }
}
