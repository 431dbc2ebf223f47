/**
 * The area under the ROC curve of telling two groups apart by a figure: the chance that one of
 * `known` is greater than one of `unknown`, ties counted half (the statistic of Mann and
 * Whitney). 0.5 says that the figure tells nothing, 0 and 1 that it tells all. NaN when a group
 * is empty.
 */
export function areaUnderCurve(known: number[], unknown: number[]): number {
  const all = [
    ...known.map((value) => ({ value, isKnown: true })),
    ...unknown.map((value) => ({ value, isKnown: false })),
  ].sort((a, b) => a.value - b.value)
  let rankSum = 0
  for (let start = 0; start < all.length;) {
    let end = start
    while (end < all.length && all[end]?.value === all[start]?.value) end++
    // Equal figures share the mean of their ranks, which begin at 1.
    const rank = (start + 1 + end) / 2
    rankSum += rank * all.slice(start, end).filter(({ isKnown }) => isKnown).length
    start = end
  }
  return (rankSum - (known.length * (known.length + 1)) / 2) / (known.length * unknown.length)
}
