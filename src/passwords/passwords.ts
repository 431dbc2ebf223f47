import { Problem } from '../errors.js'
import type { Waiter } from './fair-queue.js'
import type { HashGate, HashLoad } from './gate.js'
import { unusableHash } from '../unusable-hash.js'
import { createHasher, type HashCost } from './hash.js'
import {
  judgePassword,
  normalisePassword,
  type PasswordContext,
  passwordMaxLength,
} from './policy.js'
import type { Estimator } from './strength.js'

/** The password operations of one request. Pass passwords as the client sent them. */
export interface Hashing {
  /**
   * Judges and hashes a new password.
   *
   * @param pointer the place of the password in the request, for `invalid_request`
   * @throws Problem `weak_password` with every reason and advice
   * @throws Problem `invalid_request` if the password is ill-formed Unicode
   * @throws Problem `overloaded` if it would wait too long
   */
  hashNew: (password: string, context: PasswordContext, pointer?: string) => Promise<string>
  /**
   * Whether a password matches a hash. Without a hash, or for a password that no account can
   * have, it returns false after the same work.
   */
  matches: (password: string, hash: string | null) => Promise<boolean>
  /**
   * Hashes the same password at the current cost. Returns null if the stored hash is as strong,
   * or if it may cover only a part of the password: the rest may be mistyped. Call it only
   * after {@link matches}.
   */
  upgrade: (password: string, hash: string) => Promise<string | null>
}

/** All password operations. */
export interface Passwords {
  /**
   * Judges and hashes a new password, for a request that compares no password. It is refused on
   * arrival if it could not hash in time. It takes no hash slot while it waits for the
   * estimator, because a taken slot keeps other requests out.
   *
   * @throws Problem like {@link Hashing.hashNew}
   */
  hashNew: (
    password: string,
    context: PasswordContext,
    caller: Waiter,
    pointer?: string,
  ) => Promise<string>
  /**
   * Runs a request that hashes. The gate refuses it on arrival, before any account is looked
   * up, or serves it.
   *
   * @param caller networks take turns; null for the operator
   * @throws Problem `overloaded` if it would wait too long
   */
  withHashSlot: <T>(caller: Waiter | null, body: (hashing: Hashing) => Promise<T>) => Promise<T>
  /**
   * Refuses a request that could not hash in time, before any other work.
   *
   * @param network the network of the caller
   * @throws Problem `overloaded` if it would wait too long
   */
  requireRoom: (network: string) => void
  /** Creates a hash that no password matches, new each time. */
  unusableHash: () => string
  load: () => HashLoad
}

/** The options of {@link createPasswords}; only comparisons call `onUnreadableHash`. */
export interface PasswordsDeps {
  cost: HashCost
  minLength: number
  estimate: Estimator
  gate: HashGate
  onUnreadableHash?: () => void
}

/**
 * Computes one dummy hash at start. {@link Hashing.matches} verifies against it if the account
 * does not exist, so both cases cost the same. Timing it gives the gate its first estimate.
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
  /** Returns the normal form of a new password that the policy accepts. */
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
                // Other systems hashed the password without normalisation.
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
