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
