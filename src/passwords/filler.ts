import argon2 from 'argon2'

/**
 * Adds the work that a comparison with a cheaper hash saves, so that timing does not
 * distinguish such an account from an unknown address.
 */
export interface Filler {
  /** Remembers the duration of a failed comparison at the current cost, in milliseconds. */
  learn: (milliseconds: number) => void
  /**
   * Works until a comparison has taken as long as one at the current cost. Returns at once if
   * it has already taken longer.
   *
   * @param begin the start of the comparison
   */
  fill: (begin: number) => Promise<void>
}

/** The number of remembered durations. The newest ones follow the load of the machine. */
const remembered = 32

/** A piece of work is one pass over this fraction of the memory of a hash. */
const piecesInMemory = 32

/** The weight that the durations of earlier pieces keep with each new piece. */
const decay = 0.98

// These hashes are discarded. A fixed salt saves the library generating one.
const salt = Buffer.alloc(16)

/**
 * Creates a filler.
 *
 * @param firstMilliseconds the duration of the first hash
 * @param now returns milliseconds of a monotonic clock
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
      // Chosen at random: with an average, the scatter of the times would give the cheaper hash
      // away under a changing load.
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
