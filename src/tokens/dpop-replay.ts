import { createHash } from 'node:crypto'
import type { Clock } from '../clock.js'
import { acceptedNonceSteps, nonceStepSeconds } from './dpop-nonce.js'

/** The time that a nonce is accepted, in milliseconds. A proof can be replayed that long. */
const nonceLifeMs = acceptedNonceSteps.length * nonceStepSeconds * 1000

/**
 * A bounded memory of used proofs (RFC 9449 §11.1), of this process alone. It remembers a proof
 * for at least as long as its nonce is accepted, unless more than `generation` other proofs
 * follow.
 */
export interface UsedProofs {
  /** Remembers a proof. Returns false if it was remembered before. */
  add: (jkt: string, jti: string) => boolean
}

/**
 * Creates an empty memory.
 *
 * @param generation the min number of proofs to keep before early ones are dropped; the max is
 *   twice as many
 */
export function createUsedProofs(generation: number, clock: Clock): UsedProofs {
  let recent = new Set<string>()
  let older = new Set<string>()
  let since = clock()
  return {
    add: (jkt, jti) => {
      // Unambiguous, because each `jkt` has 43 characters. A digest, because an `jti` may be long.
      const id = createHash('sha256').update(jkt).update(jti).digest('base64url')
      const now = clock()
      if (now - since >= nonceLifeMs || recent.size >= generation) {
        ;[older, recent] = [recent, new Set()]
        since = now
      }
      if (recent.has(id) || older.has(id)) return false
      recent.add(id)
      return true
    },
  }
}
