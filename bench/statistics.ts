/** Returns the median of a list, the upper one for an even length; NaN for an empty list. */
export function median(list: number[]): number {
  return quantile(list, 0.5)
}

/**
 * Returns the value that a share of a list is below.
 *
 * @param share 0 to 1
 */
export function quantile(list: number[], share: number): number {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

/**
 * Returns the interval in which nine of ten repetitions of a measurement would lie: the
 * bootstrap of Efron, with 1,000 samples of the rounds (percentile method). The same rounds
 * give the same interval.
 *
 * @param figure computes the measurement from rounds
 */
export function interval<T>(rounds: T[], figure: (rounds: T[]) => number): [number, number] {
  const random = createRandom(1)
  const figures = Array.from({ length: 1000 }, () =>
    figure(rounds.map(() => rounds[Math.floor(random() * rounds.length)] as T)),
  )
  return [quantile(figures, 0.05), quantile(figures, 0.95)]
}

/** A linear congruential generator (Numerical Recipes), from 0 to below 1. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
