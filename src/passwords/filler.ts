import argon2 from 'argon2'

/**
 * Does the work that a comparison with a cheaper hash leaves out, so that time does not tell
 * such an account from an unknown address.
 */
export interface Filler {
  /** Remembers what a failed comparison at today's cost took, in milliseconds. */
  learn: (milliseconds: number) => void
  /**
   * Works until a comparison that began at a time has taken as long as one at today's cost.
   * Does nothing if it has already taken longer.
   */
  fill: (begin: number) => Promise<void>
}

/** How many times are remembered. The newest follow the load of the machine. */
const remembered = 32

/** A piece of work is this part of the memory of a hash, in one pass. */
const piecesInMemory = 32

/** How fast the times of earlier pieces are forgotten, by each new one. */
const decay = 0.98

// Nobody sees these hashes. A salt that is given saves the library the drawing of one.
const salt = Buffer.alloc(16)

/**
 * @param firstMilliseconds what the first hash took
 * @param now gives milliseconds that never go back
 */
export function createFiller({
  memoryKiB,
  firstMilliseconds,
  now,
}: {
  memoryKiB: number
  firstMilliseconds: number
  now: () => number
}): Filler {
  const times: number[] = []
  let next = 0
  // A long piece is more likely to run past the end than a short one: the mean overshoot is the
  // mean square over twice the mean.
  const pieces = { sum: 1, squares: 0 }
  const options = {
    type: argon2.argon2id,
    memoryCost: Math.max(8, Math.ceil(memoryKiB / piecesInMemory)),
    timeCost: 1,
    parallelism: 1,
    salt,
  }
  return {
    learn: (milliseconds) => {
      times[next] = milliseconds
      next = (next + 1) % remembered
    },
    fill: async (begin) => {
      // Drawn by lot: with an average, a load that changes would tell by how much the times
      // scatter.
      const end = begin + (times[Math.floor(Math.random() * times.length)] ?? firstMilliseconds)
      for (let at = now(); at + pieces.squares / pieces.sum / 2 < end;) {
        await argon2.hash('', options)
        const piece = now() - at
        pieces.sum = pieces.sum * decay + piece
        pieces.squares = pieces.squares * decay + piece ** 2
        at += piece
      }
    },
  }
}
