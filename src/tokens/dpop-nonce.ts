import { createHmac } from 'node:crypto'
import type { Clock } from '../clock.js'
import { deriveKey } from '../keys/derived-key.js'
import type { KeyRing } from '../keys/key-ring.js'

/** The name of the use of the derived key. It must never change, or be used for another key. */
const purpose = 'dpop nonce'

/** The time that a nonce is the current one, in seconds. */
export const nonceStepSeconds = 60

/**
 * The accepted steps, relative to the current one: two earlier ones for clients that just got
 * theirs, one later for a replica whose clock is ahead.
 */
export const acceptedNonceSteps = [-2, -1, 0, 1] as const

/**
 * Nonces for DPoP proofs (RFC 9449 §8). They are derived from the time and a key, so that
 * nothing is stored, and replicas with the same keys and clocks accept each other's nonces.
 */
export interface DpopNonces {
  /** Returns the nonce that clients should use now. */
  current: () => string
  /** Returns whether a nonce is of one of the {@link acceptedNonceSteps}. */
  isAccepted: (nonce: string) => boolean
}

/** The dependencies of {@link createDpopNonces}. */
export interface DpopNoncesDeps {
  ring: Pick<KeyRing, 'oldestKey'>
  clock: Clock
}

/** Creates nonces from the oldest key of a ring: it outlasts rotations. */
export function createDpopNonces({ ring, clock }: DpopNoncesDeps): DpopNonces {
  let known:
    { step: number; secret: Uint8Array; current: string; accepted: Set<string> } | undefined
  const now = () => {
    const step = Math.floor(clock() / 1000 / nonceStepSeconds)
    const secret = deriveKey(ring.oldestKey(), purpose)
    if (known?.step !== step || known.secret !== secret) {
      const nonceOf = (one: number) =>
        createHmac('sha256', secret).update(String(one)).digest('base64url')
      known = {
        step,
        secret,
        current: nonceOf(step),
        accepted: new Set(acceptedNonceSteps.map((difference) => nonceOf(step + difference))),
      }
    }
    return known
  }
  return {
    current: () => now().current,
    // A look-up by hash: its time does not tell how many characters of a guess are right.
    isAccepted: (nonce) => now().accepted.has(nonce),
  }
}
